using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Rollouts;

/// <summary>Releases that are given up: by somebody, by failures, by the clock; and what brings them on again.</summary>
[Collection(nameof(ReleaseWorld))]
public sealed class AbortTests(WorldOfFour shared)
{
    private readonly World _world = shared.World;

    [Fact]
    public async Task An_abort_keeps_what_runs_and_a_retry_goes_on()
    {
        await _world.InstalledAsync(New("stopped").Strategy(strategy => strategy with { BatchCount = 2 }));
        await using var recording = await ReleaseRecording.StartAsync(_world, "stopped");
        await _world.StrategyAsync("stopped", new() { ["needConfirm"] = true });
        await _world.UpgradeAsync("stopped", "2.0.0", _world.Jar("stopped", "2.0.0"));
        await _world.WaitsForConfirmationAsync("stopped", 1, 2);
        await _world.ActAsync("stopped", "abort", "olga", "prices are wrong");
        var seen = await _world.RestsAsync("stopped", Reasons.Aborted, "aborted: stopped by olga: prices are wrong");
        Assert.Equal(ReleaseProgress.Aborted, seen.Status.ReleaseStatus!.Progress);

        // A confirmation does not bring it on, and an old one that is lost comes back as it was.
        await _world.ConfirmAsync("stopped", 1);
        var lost = _world.ModulesOf("stopped").First(module => module.Spec.Module.Version == "1.0.0");
        await _world.Client.DeleteAsync<Module>(ObjectKey.Of(lost.Metadata));
        await Eventually.True(() => _world.ModulesOf("stopped").All(module => module.Metadata.Uid != lost.Metadata.Uid));
        await _world.SharesAsync("stopped", ("1.0.0", 2), ("2.0.0", 2));
        await _world.RestsAsync("stopped", Reasons.Aborted);
        Assert.Equal(2, await recording.MostOfAsync("2.0.0"));

        await _world.ActAsync("stopped", "retry");
        await _world.AvailableAsync("stopped", 4, "2.0.0");
    }

    [Fact]
    public async Task More_failures_than_maxFailures_stop_the_release_and_a_corrected_url_continues_it()
    {
        await _world.InstalledAsync(New("broken").AtMostUnavailable(2)
            .Strategy(strategy => strategy with { BatchCount = 2, MaxFailures = 1 }));
        await _world.UpgradeAsync("broken", "2.0.0", Failing("broken", "2.0.0"));
        var seen = await _world.RestsAsync("broken", Reasons.MaxFailuresExceeded, "2 failed (BizStartFailed), more than maxFailures (1)");
        Assert.Equal(ReleaseProgress.Aborted, seen.Status.ReleaseStatus!.Progress);
        await _world.WarningAsync("broken", Reasons.MaxFailuresExceeded);
        Assert.Equal(2, _world.ModulesOf("broken").Count(module => module.IsAvailable && module.Spec.Module.Version == "1.0.0"));
        Assert.Equal(2, _world.InstallsOf("broken:2.0.0"));

        var corrected = new Uri(_world.Jar("broken", "2.0.0-good", "broken")).LocalPath;
        await _world.UpgradeAsync("broken", "2.0.0", Good("broken", "2.0.0", corrected));
        await _world.AvailableAsync("broken", 4, "2.0.0");
        Assert.Equal(2, (await _world.SetsOfAsync("broken")).Count);
    }

    [Fact]
    public async Task AutoRollback_brings_the_last_completed_revision_back_and_leaves_the_template_alone()
    {
        await _world.InstalledAsync(New("fickle").AtMostUnavailable(2)
            .Strategy(strategy => strategy with { BatchCount = 2, MaxFailures = 1, AutoRollback = true }));
        await _world.UpgradeAsync("fickle", "2.0.0", Failing("fickle", "2.0.0"));
        var seen = await _world.RestsAsync("fickle", Reasons.RolledBack, "fickle 2.0.0 was given up");
        await _world.SharesAsync("fickle", ("1.0.0", 4));
        Assert.Equal("2.0.0", seen.Spec.Template.Spec.Module.Version);
        Assert.Equal(Revision.Of(seen.Spec.Template).Hash(), seen.Status.AbortedRevision);
        Assert.Equal(ReleaseProgress.Aborted, seen.Status.ReleaseStatus!.Progress);
        await _world.WarningAsync("fickle", Reasons.RolledBack);

        // It holds until the template changes.
        await _world.UpgradeAsync("fickle", "3.0.0", _world.Jar("fickle", "3.0.0"));
        await _world.AvailableAsync("fickle", 4, "3.0.0");
        Assert.Null((await _world.FindAsync("fickle"))!.Status.AbortedRevision);
    }

    [Fact]
    public async Task Without_progress_the_deadline_is_reported_and_with_autoRollback_it_ends_the_release()
    {
        var deployment = New("stalled");
        await _world.InstalledAsync(deployment with { Spec = deployment.Spec with { ProgressDeadlineSeconds = 2 } });
        await _world.UpgradeAsync("stalled", "2.0.0", Failing("stalled", "2.0.0"));
        var seen = await _world.RestsAsync("stalled", Reasons.ProgressDeadlineExceeded, "no progress for 2 s");
        Assert.Equal(Condition.False, seen.Status.Conditions.Find(DeploymentConditions.Progressing)!.Status);
        await _world.WarningAsync("stalled", Reasons.ProgressDeadlineExceeded);
        await _world.HoldsAsync(() => _world.ModulesOf("stalled").Count(module => module.IsAvailable) == 3, "stalled", "one is down");

        await _world.StrategyAsync("stalled", new() { ["autoRollback"] = true });
        await _world.RestsAsync("stalled", Reasons.RolledBack);
        await _world.SharesAsync("stalled", ("1.0.0", 4));
    }

    [Fact]
    public async Task A_missing_confirmation_stops_the_clock_of_the_deadline()
    {
        await _world.CreateAsync(New("patient").Strategy(strategy => strategy with { BatchCount = 2, NeedConfirm = true }));
        await _world.WaitsForConfirmationAsync("patient", 1, 2);
        // Only while it waits, so that no slow install passes it.
        await _world.PatchSpecAsync("patient", new() { ["progressDeadlineSeconds"] = 1 });
        await _world.WaitsForConfirmationAsync("patient", 1, 2);
        var since = TimeProvider.System.GetUtcNow();
        await Eventually.True(() => TimeProvider.System.GetUtcNow() >= since.AddSeconds(2));
        // Whatever comes now, it reads the clock again.
        await _world.PatchSpecAsync("patient", new() { ["revisionHistoryLimit"] = 3 });
        await _world.WaitsForConfirmationAsync("patient", 1, 2);
        await _world.PatchSpecAsync("patient", new() { ["progressDeadlineSeconds"] = 600, ["confirmBatchNum"] = 1 });
        await _world.AvailableAsync("patient", 4, "1.0.0");
        Assert.DoesNotContain(await _world.EventsAsync("patient"), e => e.Reason == Reasons.ProgressDeadlineExceeded);
    }

    [Fact]
    public async Task An_aborted_first_release_waits_for_a_retry_and_replaces_nothing_else()
    {
        await _world.CreateAsync(New("newborn").Strategy(strategy => strategy with { BatchCount = 2, NeedConfirm = true }));
        await _world.WaitsForConfirmationAsync("newborn", 1, 2);
        await _world.ActAsync("newborn", "abort");
        await _world.RestsAsync("newborn", Reasons.Aborted);
        await _world.ConfirmAsync("newborn", 1);
        await _world.RestsAsync("newborn", Reasons.Aborted);
        Assert.Equal(2, _world.ModulesOf("newborn").Count(module => module.IsAvailable));
        await _world.ActAsync("newborn", "retry");
        await _world.AvailableAsync("newborn", 4, "1.0.0");
    }

    private ModuleDeployment New(string name) =>
        A.Module(name, "1.0.0", _world.Jar(name, "1.0.0")).Replicas(4).Policy("uninstall_then_install");

    private string Failing(string name, string version) => _world.Jar(name, version, attributes: new Dictionary<string, string>
    {
        ["Simulator-Fail-Cause"] = "java.lang.IllegalStateException: no price list",
    });

    /// <summary>A jar of the version at another place.</summary>
    private static string Good(string name, string version, string file)
    {
        Dev.ArkletSimulator.SampleJar.Write(file, name, version, name);
        return new Uri(file).AbsoluteUri;
    }
}
