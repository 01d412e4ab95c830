using System.Net;
using System.Text.RegularExpressions;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Failures;

/// <summary>Attempts go on across streams and controllers: what was tried before a cut is not asked for again, but tried anew.</summary>
public sealed partial class AttemptTests(ShortStreams shared) : IClassFixture<ShortStreams>, IDisposable
{
    private readonly HookServer _hook = new(IPAddress.Parse(shared.World.PodsOf("base")[0].Status.PodIp!));

    private World World => shared.World;

    public void Dispose() => _hook.Dispose();

    [Fact]
    public async Task A_hook_is_called_again_across_streams_and_controllers_until_it_agrees()
    {
        var deployment = A.Module("leaving", "1.0.0", World.Jar("leaving", "1.0.0")).Policy("uninstall_then_install").AtMostUnavailable(1)
            .Replicas(1);
        var hooks = new ModuleHooks { PreUninstall = new() { Port = _hook.Port, Path = "/leave", TimeoutSeconds = 5 } };
        await World.CreateAsync(deployment with { Spec = deployment.Spec with { Hooks = hooks } });
        await World.AvailableAsync("leaving", 1, "1.0.0");
        _hook.Answer = _ => 409;
        await World.UpgradeAsync("leaving", "2.0.0", World.Jar("leaving", "2.0.0"));
        // After pauses of 1, 2 and 4 s. No stream lives as long as the last one.
        await World.HoldsAsync(() => _hook.Requests.Count >= 4, "leaving", "four calls have failed");
        await World.StopControllerAsync();
        await World.StartControllerAsync();
        _hook.Answer = _ => 200;
        await World.AvailableAsync("leaving", 1, "2.0.0");
        // No attempt was called twice, and none was left out.
        Assert.Equal(Enumerable.Range(1, _hook.Requests.Count), _hook.Requests.Select(AttemptOf));
    }

    [Fact]
    public async Task A_jar_that_is_there_in_the_end_is_found_by_an_inspection_after_a_cut()
    {
        using var repository = new ArtifactServer();
        repository.Start();
        await World.CreateAsync(A.Module("late", "1.0.0", World.Jar("late", "1.0.0")).Replicas(1));
        await World.AvailableAsync("late", 1, "1.0.0");
        await World.UpgradeAsync("late", "2.0.0", new Uri(repository.Address, "late-2.0.0.jar").ToString());
        await World.ConditionAsync("late", DeploymentConditions.Progressing, "True", Reasons.InspectionFailed);
        var cuts = Cuts();
        await World.HoldsAsync(() => Cuts() > cuts, "late", "the stream was cut");
        repository.Serve(World.Jar("late", "2.0.0", path: "later"));
        await World.AvailableAsync("late", 1, "2.0.0");
        Assert.True(Inspected("late").Count >= 2);
        Assert.Equal(Inspected("late").Distinct(), Inspected("late"));
    }

    private static int AttemptOf(HookRequest request) =>
        int.Parse(request.Text("command").Split('/')[3], System.Globalization.CultureInfo.InvariantCulture);

    private int Cuts() => World.Log.Lines.Count(line => line.Message.Contains("has reached its maximum age", StringComparison.Ordinal));

    /// <summary>The ids of the inspections that an agent really began, in order.</summary>
    private IReadOnlyList<string> Inspected(string name) =>
    [
        .. World.Log.Lines.Select(line => Begun().Match(line.Message))
            .Where(match => match.Success && match.Groups["name"].Value == name)
            .Select(match => match.Groups["id"].Value),
    ];

    [GeneratedRegex("^command (?<id>[^ ]+/inspect/[^ ]+) of epoch [0-9]+ begins: Inspect (?<name>[^:]+):")]
    private static partial Regex Begun();
}

/// <summary>A world in which no stream lives for five seconds, which is the shortest pause between inspections.</summary>
public sealed class ShortStreams : WorldWithoutBase
{
    internal override void Configure(World world) =>
        world.ConfigureController = options => options with { Agents = options.Agents with { MaxStreamAge = TimeSpan.FromSeconds(3.5) } };

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        await World.BaseAsync("base", 1);
    }
}
