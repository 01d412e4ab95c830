using ModuleController.Core.Meta;

namespace ModuleController.ControlPlane.Reconcilers;

/// <summary>What the API server keeps rejecting for each ModuleDeployment, whichever reconciler writes it.</summary>
/// <remarks>
/// Each source reports all that is rejected at the end of each of its reconciles; what it does not report again is over. So nothing is
/// kept for an object that no longer exists.
/// </remarks>
public sealed class RejectedWrites
{
    private const int LongestMessage = 1024;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, IReadOnlyDictionary<ObjectKey, string>> _bySource = [];
    private readonly Dictionary<ObjectKey, SortedDictionary<string, string>> _byDeployment = [];

    private event Action<ObjectKey, string?>? Changed;

    /// <summary>Calls back when the message of a ModuleDeployment changes; null: nothing is rejected for it any more.</summary>
    public IDisposable Subscribe(Action<ObjectKey, string?> changed)
    {
        Changed += changed;
        return new Subscription(() => Changed -= changed);
    }

    /// <summary>The message for a ModuleDeployment, of the first source if there are several; null: nothing is rejected.</summary>
    public string? Find(ObjectKey deployment)
    {
        lock (_lock) return MessageOf(deployment);
    }

    /// <summary>All that is rejected now for a source, such as the key of a reconciler, by ModuleDeployment.</summary>
    public void Report(string source, IReadOnlyDictionary<ObjectKey, string> rejections)
    {
        List<(ObjectKey Deployment, string? Message)> changes = [];
        lock (_lock)
        {
            var before = _bySource.GetValueOrDefault(source);
            if (before is null && rejections.Count == 0) return;
            foreach (var deployment in (before?.Keys ?? []).Union(rejections.Keys))
            {
                var message = MessageOf(deployment);
                Set(deployment, source, rejections.GetValueOrDefault(deployment));
                if (MessageOf(deployment) is var now && now != message) changes.Add((deployment, now));
            }

            if (rejections.Count == 0) _bySource.Remove(source);
            else _bySource[source] = rejections;
        }

        foreach (var (deployment, message) in changes) Changed?.Invoke(deployment, message);
    }

    private void Set(ObjectKey deployment, string source, string? message)
    {
        if (message is not null)
        {
            if (!_byDeployment.TryGetValue(deployment, out var messages)) _byDeployment[deployment] = messages = new(
                StringComparer.Ordinal);
            messages[source] = message.Length > LongestMessage ? message[..LongestMessage] : message;
        }
        else if (_byDeployment.TryGetValue(deployment, out var messages) && messages.Remove(source) && messages.Count == 0)
            _byDeployment.Remove(deployment);
    }

    private string? MessageOf(ObjectKey deployment) => _byDeployment.GetValueOrDefault(deployment)?.First().Value;

    private sealed class Subscription(Action end) : IDisposable
    {
        public void Dispose() => end();
    }
}
