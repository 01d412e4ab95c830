using System.Collections.Concurrent;
using System.Globalization;
using ModuleController.ControlPlane.Agents;
using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;

namespace ModuleController.SystemTests.BasePods;

/// <summary>Agents without a wire: each carries a command out at once, as requested, and reports what is true then.</summary>
internal sealed class ScriptedAgents : IAgentDirectory
{
    private readonly ConcurrentDictionary<ObjectKey, BaseView> _views = new();
    private readonly Lock _lock = new();
    private Action<ObjectKey>? _changed;

    public ConcurrentQueue<ModuleCommand> Sent { get; } = new();

    /// <summary>What the next install of this module name ends with.</summary>
    public ConcurrentDictionary<string, (FailureReason Reason, string Message)> Failing { get; } = new();

    public DateTimeOffset AcceptingSince { get; } = TimeProvider.System.GetUtcNow().AddMinutes(-1);

    public int Connected => _views.Count;

    public long Changes { get; private set; }

    public BaseView? Find(ObjectKey pod, string podUid) => _views.GetValueOrDefault(pod);

    public IDisposable Subscribe(Action<ObjectKey> changed)
    {
        _changed = changed;
        return new Nothing();
    }

    public bool TrySend(ObjectKey pod, string podUid, ModuleCommand command)
    {
        Sent.Enqueue(command);
        Change(pod, view => CarryOut(view, command));
        return true;
    }

    public void Begin(ObjectKey pod, string life, DateTimeOffset? startedAt = null) => Change(pod, _ => new()
    {
        IsConnected = true,
        LastMessageAt = TimeProvider.System.GetUtcNow(),
        State = BaseState.Up,
        Life = new(life, startedAt ?? TimeProvider.System.GetUtcNow()),
        ArkletPort = 1238,
        IsBizKnown = true,
    });

    /// <summary>The base has this biz, too.</summary>
    public void Add(ObjectKey pod, BizView biz) => Change(pod, view => view with { Biz = [.. view.Biz, biz] });

    /// <summary>Something was heard that changes nothing.</summary>
    public void Touch(ObjectKey pod) => Change(pod, view => view);

    private void Change(ObjectKey pod, Func<BaseView, BaseView> change)
    {
        lock (_lock)
        {
            _views[pod] = change(_views.GetValueOrDefault(pod)!);
            Changes++;
        }

        _changed?.Invoke(pod);
    }

    private BaseView CarryOut(BaseView view, ModuleCommand command)
    {
        var now = TimeProvider.System.GetUtcNow();
        var failure = command is ModuleCommand.Install && Failing.TryRemove(command.Name, out var found)
            ? found : ((FailureReason, string)?)null;
        var rest = view.Biz.Where(biz => biz.Name != command.Name || biz.Version != command.Version).ToList();
        IReadOnlyList<BizView> next = (command, failure) switch
        {
            (_, not null) => view.Biz,
            (ModuleCommand.Install, _) =>
            [
                .. rest.Select(biz => biz.Name == command.Name ? biz with { State = BizState.Deactivated } : biz),
                new(command.Name, command.Version, BizState.Activated)
                {
                    ModuleUid = command.ModuleUid, InstalledAt = now, InstallDuration = TimeSpan.FromSeconds(0.25), ArtifactHash = "cafe",
                    MetaspaceBytes = 4096,
                },
            ],
            (ModuleCommand.Uninstall, _) => rest,
            _ => throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"unexpected {command}")),
        };
        var answer = new CommandAnswer(
            command.Id, failure is null
                ? CommandOutcome.Succeeded : CommandOutcome.Failed, failure?.Item1, failure is null ? null : "FAILED",
            failure?.Item2, view.Life!.Id, now);
        return view with
        {
            Biz = next,
            LastMessageAt = now,
            Answers = new Dictionary<string,
            CommandAnswer>(view.Answers)
            { [command.Id] = answer }
        };
    }

    private sealed class Nothing : IDisposable
    {
        public void Dispose()
        {
        }
    }
}
