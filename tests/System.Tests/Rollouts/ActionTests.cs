using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Rollouts;

/// <summary>Each verb with plain kubectl: done once, with its author and reason in an annotation and in an Event.</summary>
[Collection(nameof(ReleaseWorld))]
public sealed class ActionTests : IDisposable
{
    private readonly World _world;
    private readonly Harness.Kubectl _kubectl;

    public ActionTests(WorldOfFour shared)
    {
        Assert.SkipUnless(Harness.Kubectl.IsInstalled, "no kubectl on PATH");
        (_world, _kubectl) = (shared.World, new(shared.World));
    }

    public void Dispose() => _kubectl?.Dispose();

    [Fact]
    public async Task Pause_and_resume()
    {
        await _world.InstalledAsync(New("verb-pause"));
        await DoAsync("verb-pause", "pause", "Pause");
        Assert.True((await _world.FindAsync("verb-pause"))!.Spec.Paused);
        await _world.UpgradeAsync("verb-pause", "2.0.0", Jar("verb-pause", "2.0.0"));
        await _world.RestsAsync("verb-pause", Reasons.Paused);
        await DoAsync("verb-pause", "resume", "Resume");
        await _world.AvailableAsync("verb-pause", 4, "2.0.0");
    }

    [Fact]
    public async Task Confirm_this_batch_confirm_one_by_its_number_and_promote_the_rest()
    {
        await _world.InstalledAsync(New("verb-confirm").Strategy(strategy => strategy with { BatchCount = 4 }));
        await _world.StrategyAsync("verb-confirm", new() { ["needConfirm"] = true, ["grayTimeBetweenBatchSeconds"] = 600 });
        await _world.UpgradeAsync("verb-confirm", "2.0.0", Jar("verb-confirm", "2.0.0"));
        await _world.WaitsForConfirmationAsync("verb-confirm", 1, 1);
        await DoAsync("verb-confirm", "confirm", "Confirm");
        await _world.WaitsForConfirmationAsync("verb-confirm", 2, 2);
        await DoAsync("verb-confirm", "confirm 2", "Confirm");
        await _world.WaitsForConfirmationAsync("verb-confirm", 3, 3);
        await DoAsync("verb-confirm", "promote", "Promote");
        await _world.AvailableAsync("verb-confirm", 4, "2.0.0");
    }

    [Fact]
    public async Task Abort_and_retry()
    {
        await _world.InstalledAsync(New("verb-abort").Strategy(strategy => strategy with { BatchCount = 2 }));
        await _world.StrategyAsync("verb-abort", new() { ["needConfirm"] = true });
        await _world.UpgradeAsync("verb-abort", "2.0.0", Jar("verb-abort", "2.0.0"));
        await _world.WaitsForConfirmationAsync("verb-abort", 1, 2);
        await DoAsync("verb-abort", "abort", "Abort");
        await _world.RestsAsync("verb-abort", Reasons.Aborted);
        await DoAsync("verb-abort", "retry", "Retry");
        await _world.WaitsForConfirmationAsync("verb-abort", 1, 2);
        await DoAsync("verb-abort", "promote", "Promote");
        await _world.AvailableAsync("verb-abort", 4, "2.0.0");
        // What has completed can't be stopped.
        await DoAsync("verb-abort", "abort", Reasons.ActionRefused, "the release has completed");
    }

    [Fact]
    public async Task Undo_goes_back_by_the_release_s_own_strategy_and_to_a_revision_by_its_number()
    {
        await _world.InstalledAsync(New("verb-undo").Strategy(strategy => strategy with { BatchCount = 2 }));
        foreach (var version in (string[])["2.0.0", "3.0.0"])
        {
            await _world.UpgradeAsync("verb-undo", version, Jar("verb-undo", version));
            await _world.AvailableAsync("verb-undo", 4, version);
        }

        await _world.StrategyAsync("verb-undo", new() { ["needConfirm"] = true });
        await DoAsync("verb-undo", "undo", "Undo");
        var seen = await _world.WaitsForConfirmationAsync("verb-undo", 1, 2);
        Assert.Equal("2.0.0", seen.Spec.Template.Spec.Module.Version);
        await _world.ConfirmAsync("verb-undo", 1);
        await _world.AvailableAsync("verb-undo", 4, "2.0.0");

        await _world.StrategyAsync("verb-undo", new() { ["needConfirm"] = false });
        await DoAsync("verb-undo", "undo 1", "Undo");
        await _world.AvailableAsync("verb-undo", 4, "1.0.0");
        Assert.Equal([3, 4, 5], (await _world.SetsOfAsync("verb-undo")).Select(WorldWaits.Revision));
        await DoAsync("verb-undo", "undo 99", Reasons.ActionRefused, "there is no earlier revision 99");
    }

    [Fact]
    public async Task Undo_fast_knows_no_batches_and_no_waits_but_maxUnavailable()
    {
        await _world.InstalledAsync(New("verb-fast").Strategy(strategy => strategy with { BatchCount = 4 }));
        await _world.StrategyAsync("verb-fast", new() { ["needConfirm"] = true, ["grayTimeBetweenBatchSeconds"] = 600 });
        await _world.UpgradeAsync("verb-fast", "2.0.0", Jar("verb-fast", "2.0.0"));
        await _world.WaitsForConfirmationAsync("verb-fast", 1, 1);
        await _world.ConfirmAsync("verb-fast", 2);
        await _world.WaitsForConfirmationAsync("verb-fast", 3, 3);
        await _world.PatchSpecAsync("verb-fast", new() { ["paused"] = true });
        await _world.RestsAsync("verb-fast", Reasons.Paused);
        await using var recording = await ReleaseRecording.StartAsync(_world, "verb-fast");
        await DoAsync("verb-fast", "undo-fast", "UndoFast");
        await _world.AvailableAsync("verb-fast", 4, "1.0.0");
        Assert.Equal(3, await recording.LeastAvailableAsync());
        Assert.Equal(1, (await _world.FindAsync("verb-fast"))!.Status.ReleaseStatus!.RealBatchCount);
        await _world.SeenAsync(
            "verb-fast", deployment =>
                !deployment.Metadata.Annotations.ContainsKey(Annotations.FastRevision), "that it is to be fast is taken back");
    }

    [Fact]
    public async Task Redeploy_installs_the_same_version_once_more_within_maxUnavailable()
    {
        await _world.InstalledAsync(New("verb-redeploy"));
        await using var recording = await ReleaseRecording.StartAsync(_world, "verb-redeploy");
        var before = _world.ModulesOf("verb-redeploy").Select(module => module.Metadata.Uid).ToHashSet();
        await DoAsync("verb-redeploy", "redeploy", "Redeploy");
        await Eventually.True(() => !_world.ModulesOf("verb-redeploy").Any(module => before.Contains(module.Metadata.Uid)),
            () => _world.DumpAsync("verb-redeploy").Result);
        await _world.AvailableAsync("verb-redeploy", 4, "1.0.0");
        Assert.Equal(8, _world.InstallsOf("verb-redeploy:1.0.0"));
        Assert.Equal(3, await recording.LeastAvailableAsync());
    }

    [Theory]
    [InlineData("explode", "annotation koupleless.io/action must be pause, resume")]
    [InlineData("confirm", "the release has completed")]
    [InlineData("undo yesterday", "'yesterday' is no revision number")]
    [InlineData("pause now", "pause takes no argument")]
    [InlineData("undo", "there is no earlier revision")]
    public async Task What_makes_no_sense_is_refused_with_a_reason_and_changes_nothing(string action, string refusal)
    {
        var name = $"verb-no-{action.Replace(' ', '-')}";
        await _world.InstalledAsync(New(name).Replicas(1));
        var before = (await _world.FindAsync(name))!.Metadata.Generation;
        await DoAsync(name, action, Reasons.ActionRefused, refusal);
        Assert.Equal(before, (await _world.FindAsync(name))!.Metadata.Generation);
    }

    [Fact]
    public async Task Freeze_and_unfreeze_a_namespace()
    {
        await _world.InstalledAsync(New("verb-freeze"));
        await _kubectl.RunAsync(
            "annotate", "namespace", _world.Namespace, $"{Annotations.Freeze}=year-end closing", $"{Annotations.FreezeBy}=finance");
        await _world.FrozenAsync(Annotations.Freeze, "year-end closing");
        try
        {
            await _world.UpgradeAsync("verb-freeze", "2.0.0", Jar("verb-freeze", "2.0.0"));
            await _world.RestsAsync("verb-freeze", Reasons.Frozen, "is frozen by finance: year-end closing");
            await _world.EventAsync("verb-freeze", Reasons.Frozen, "by finance: year-end closing");
        }
        finally
        {
            await _kubectl.RunAsync("annotate", "namespace", _world.Namespace, $"{Annotations.Freeze}-", $"{Annotations.FreezeBy}-");
        }

        await _world.AvailableAsync("verb-freeze", 4, "2.0.0");
    }

    [Fact]
    public async Task Kubectl_wait_is_enough_to_script_a_release_of_two_batches()
    {
        await _kubectl.ApplyAsync(Manifest("1.0.0"));
        await WaitAsync("jsonpath={.status.releaseStatus.batchProgress}=WaitingForConfirmation");
        await WaitAsync("jsonpath={.status.updatedAvailableReplicas}=2");
        Assert.Contains("verb-script", await _kubectl.RunAsync("get", "mddeploy", "verb-script", "-o", "wide"), StringComparison.Ordinal);
        await _kubectl.RunAsync("patch", "mddeploy", "verb-script", "--type=merge", "-p", """{"spec":{"confirmBatchNum":1}}""");
        await WaitAsync("jsonpath={.status.releaseStatus.progress}=Completed");
        await WaitAsync("condition=Available");
        await WaitAsync("condition=Progressing");

        // What the release takes back when it is complete is a generation of its own.
        await WaitAsync("jsonpath={.spec.confirmBatchNum}=0");

        // The next version: a script that looks for its own generation is not taken in by the old state.
        await _kubectl.ApplyAsync(Manifest("2.0.0"));
        var generation = await _kubectl.RunAsync("get", "mddeploy", "verb-script", "-o", "jsonpath={.metadata.generation}");
        await WaitAsync($"jsonpath={{.status.observedGeneration}}={generation}");
        await WaitAsync("condition=Progressing=Unknown");
        await WaitAsync("jsonpath={.status.conditions[?(@.type==\"Progressing\")].reason}=WaitingForConfirmation");
        await _kubectl.RunAsync("annotate", "mddeploy", "verb-script", "koupleless.io/action=confirm");
        await WaitAsync("jsonpath={.status.releaseStatus.progress}=Completed");
        Assert.Equal("4", await _kubectl.RunAsync("get", "mddeploy", "verb-script", "-o", "jsonpath={.status.updatedAvailableReplicas}"));
        await _world.SharesAsync("verb-script", ("2.0.0", 4));

        Task WaitAsync(string what) => _kubectl.RunAsync("wait", $"--for={what}", "mddeploy/verb-script", "--timeout=300s");
    }

    /// <summary>Asks by kubectl, and finds author and reason in the record and in the Event.</summary>
    private async Task DoAsync(string name, string action, string eventReason, string recorded = "")
    {
        var reason = $"because of {action}";
        await _kubectl.RunAsync(
            "annotate", "mddeploy", name, $"{Annotations.Action}={action}", $"{Annotations.ActionBy}=alice",
            $"{Annotations.ActionReason}={reason}");
        var record = await _world.ActedAsync(name, action);
        Assert.Equal(("alice", reason), (record["by"]!.GetValue<string>(), record["reason"]!.GetValue<string>()));
        Assert.Equal(eventReason == Reasons.ActionRefused, record.ContainsKey("refused"));
        await _world.EventAsync(name, eventReason, $"{action} by alice: {reason}");
        await _world.EventAsync(name, eventReason, recorded);
        var annotations = (await _world.FindAsync(name))!.Metadata.Annotations.Keys;
        Assert.DoesNotContain(Annotations.ActionBy, annotations);
        Assert.DoesNotContain(Annotations.ActionReason, annotations);
    }

    private ModuleDeployment New(string name) => A.Module(name, "1.0.0", Jar(name, "1.0.0")).Replicas(4).Policy("uninstall_then_install");

    private string Jar(string name, string version) => _world.Jar(name, version);

    private string Manifest(string version) => $$"""
        apiVersion: koupleless.io/v1alpha1
        kind: ModuleDeployment
        metadata:
          name: verb-script
        spec:
          baseDeploymentName: base
          replicas: 4
          template:
            spec:
              module: {name: verb-script, version: {{version}}, url: {{Jar("verb-script", version)}}}
          operationStrategy:
            batchCount: 2
            needConfirm: true
            upgradePolicy: uninstall_then_install
        """;
}
