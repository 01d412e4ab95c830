using ModuleController.Agent.Arklet;

namespace ModuleController.Agent.Tests.Commands;

/// <summary>An Arklet whose answers and list a test sets apart from each other: orders of events that no JVM gives on demand.</summary>
public sealed class FakeArklet : IArklet
{
    private readonly Lock _gate = new();
    private readonly List<ArkletBiz> _listed = [];
    private readonly List<string> _calls = [];
    private long _startedAt = TimeProvider.System.GetTimestamp();

    /// <summary>What an install does and answers; the default lists the module and says so.</summary>
    public Func<string, string, CancellationToken, Task<ArkletResult>>? OnInstall { get; set; }

    public Func<string, string, CancellationToken, Task<ArkletResult>>? OnUninstall { get; set; }

    public Func<string, string, CancellationToken, Task<ArkletResult>>? OnSwitch { get; set; }

    public HealthOutcome Health { get; set; } = HealthOutcome.Answered;

    /// <summary>Whether health has what the JVM says of itself.</summary>
    public bool HasFigures { get; set; } = true;

    public IReadOnlyList<string> Calls
    {
        get { lock (_gate) return [.. _calls]; }
    }

    public IReadOnlyList<ArkletBiz> Listed
    {
        get { lock (_gate) return [.. _listed]; }
    }

    public static ArkletResult Success { get; } = new(ArkletOutcome.Success, "SUCCESS", ElapsedSpace: 1000);

    public static ArkletResult Unknown { get; } = new(ArkletOutcome.Unknown, "", "no answer");

    /// <summary>Installs end when the result is set.</summary>
    public TaskCompletionSource HoldInstalls()
    {
        var release = new TaskCompletionSource();
        OnInstall = async (name, version, cancellation) =>
        {
            await release.Task.WaitAsync(cancellation);
            List(name, version);
            return Success;
        };
        return release;
    }

    public void List(string name, string version, ArkletBizState state = ArkletBizState.Activated)
    {
        lock (_gate)
        {
            _listed.RemoveAll(biz => biz.Name == name && biz.Version == version);
            _listed.Add(new(name, version, state, name));
        }
    }

    public void Unlist(string name, string version)
    {
        lock (_gate) _listed.RemoveAll(biz => biz.Name == name && biz.Version == version);
    }

    /// <summary>Another JVM: started later, and empty.</summary>
    public void BeginLife(TimeSpan runsFor)
    {
        lock (_gate)
        {
            _listed.Clear();
            _startedAt = TimeProvider.System.GetTimestamp() - (long)(runsFor.TotalSeconds * TimeProvider.System.TimestampFrequency);
        }
    }

    public async Task<ArkletResult> InstallAsync(string name, string version, Uri jar, CancellationToken cancellation)
    {
        Called($"install {name}:{version}");
        if (OnInstall is { } install) return await install(name, version, cancellation);
        List(name, version);
        return Success;
    }

    public async Task<ArkletResult> UninstallAsync(string name, string version, CancellationToken cancellation)
    {
        Called($"uninstall {name}:{version}");
        if (OnUninstall is { } uninstall) return await uninstall(name, version, cancellation);
        Unlist(name, version);
        return Success;
    }

    public async Task<ArkletResult> SwitchAsync(string name, string version, CancellationToken cancellation)
    {
        Called($"switch {name}:{version}");
        if (OnSwitch is { } @switch) return await @switch(name, version, cancellation);
        List(name, version);
        return Success;
    }

    public Task<IReadOnlyList<ArkletBiz>?> QueryAllAsync(CancellationToken cancellation)
    {
        lock (_gate) return Task.FromResult<IReadOnlyList<ArkletBiz>?>(Health is HealthOutcome.Answered ? [.. _listed] : null);
    }

    public Task<HealthAnswer> HealthAsync(CancellationToken cancellation)
    {
        lock (_gate)
        {
            var now = TimeProvider.System.GetTimestamp();
            return Task.FromResult(Health is HealthOutcome.Answered
                ? new HealthAnswer(Health, !HasFigures
                    ? null : new(TimeProvider.System.GetElapsedTime(_startedAt, now), 1, 2, 3, 4, -1, "17"), now)
                : new HealthAnswer(Health, null, now));
        }
    }

    private void Called(string call)
    {
        lock (_gate) _calls.Add(call);
    }
}
