using System.Collections.Concurrent;
using System.Collections.Immutable;
using ModuleController.ControlPlane.Agents;
using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;

namespace ModuleController.SystemTests.Releases;

/// <summary>Agents of a whole base, without a wire: each carries its command out at once and says what is true then.</summary>
internal sealed class FleetAgents : IAgentDirectory
{
    private readonly ConcurrentDictionary<ObjectKey, BaseView> _views = new();
    private readonly Lock _lock = new();
    private ImmutableList<Action<ObjectKey>> _subscribers = [];

    public ConcurrentQueue<ModuleCommand> Sent { get; } = new();

    public ConcurrentQueue<(string Pod, ModuleCommand Command)> SentTo { get; } = new();

    /// <summary>Versions whose start fails.</summary>
    public ConcurrentDictionary<string, string> Broken { get; } = new();

    /// <summary>The web context path in each jar, by version.</summary>
    public ConcurrentDictionary<string, string> Paths { get; } = new();

    /// <summary>Long ago, unless a test is about a leader that has just begun.</summary>
    public DateTimeOffset AcceptingSince { get; set; } = TimeProvider.System.GetUtcNow().AddMinutes(-1);

    public long Changes { get; private set; }

    public int Connected => _views.Count;

    public BaseView? Find(ObjectKey pod, string podUid) => _views.GetValueOrDefault(pod);

    public IDisposable Subscribe(Action<ObjectKey> changed)
    {
        ImmutableInterlocked.Update(ref _subscribers, (list, added) => list.Add(added), changed);
        return new CancellationTokenRegistration();
    }

    public bool TrySend(ObjectKey pod, string podUid, ModuleCommand command)
    {
        if (Find(pod, podUid) is not { IsConnected: true }) return false;
        Sent.Enqueue(command);
        SentTo.Enqueue((pod.Name, command));
        Change(pod, view => CarryOut(view!, command));
        return true;
    }

    /// <summary>Its stream ends; what it said last is kept.</summary>
    public void Disconnect(ObjectKey pod) =>
        Change(pod, view => view! with { IsConnected = false, LastMessageAt = TimeProvider.System.GetUtcNow() });

    /// <summary>The same agent, with what it had installed.</summary>
    public void Reconnect(ObjectKey pod) =>
        Change(pod, view => view! with { IsConnected = true, LastMessageAt = TimeProvider.System.GetUtcNow() });

    /// <summary>Another leader: no agent has spoken to it yet.</summary>
    public void BeginAnew()
    {
        AcceptingSince = TimeProvider.System.GetUtcNow();
        foreach (var pod in _views.Keys) _views.TryRemove(pod, out _);
        lock (_lock) Changes++;
        foreach (var subscriber in _subscribers) subscriber(new("default", "nobody"));
    }

    public void Connect(ObjectKey pod) => Change(pod, _ => new()
    {
        IsConnected = true,
        LastMessageAt = TimeProvider.System.GetUtcNow(),
        State = BaseState.Up,
        Life = new($"life-of-{pod.Name}", TimeProvider.System.GetUtcNow()),
        IsBizKnown = true,
    });

    private void Change(ObjectKey pod, Func<BaseView?, BaseView> change)
    {
        lock (_lock)
        {
            _views[pod] = change(_views.GetValueOrDefault(pod));
            Changes++;
        }

        foreach (var subscriber in _subscribers) subscriber(pod);
    }

    private BaseView CarryOut(BaseView view, ModuleCommand command)
    {
        var now = TimeProvider.System.GetUtcNow();
        var isFailure = command is ModuleCommand.Install && Broken.ContainsKey(command.Version);
        var rest = view.Biz.Where(biz => biz.Name != command.Name || biz.Version != command.Version);
        var path = Paths.GetValueOrDefault(command.Version);
        IReadOnlyList<BizView> next = command switch
        {
            ModuleCommand.Uninstall => [.. rest],
            ModuleCommand.Install when !isFailure =>
            [
                .. rest.Select(biz => biz.Name == command.Name ? biz with { State = BizState.Deactivated } : biz),
                new(command.Name, command.Version, BizState.Activated)
                {
                    ModuleUid = command.ModuleUid, InstalledAt = now, InstallDuration = TimeSpan.FromSeconds(0.1), WebContextPath = path,
                },
            ],
            _ => view.Biz,
        };
        var answer = new CommandAnswer(
            command.Id, isFailure ? CommandOutcome.Failed : CommandOutcome.Succeeded, isFailure ? FailureReason.BizStartFailed : null,
            null, isFailure ? Broken[command.Version] : null, view.Life!.Id, now)
        {
            Artifact = command is ModuleCommand.Inspect ? new(command.Name, command.Version, path, null) : null,
        };
        return view with
        {
            Biz = next,
            LastMessageAt = now,
            Answers = new Dictionary<string,
            CommandAnswer>(view.Answers)
            { [command.Id] = answer }
        };
    }
}
