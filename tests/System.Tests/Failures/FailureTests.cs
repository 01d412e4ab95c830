using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Failures;

/// <summary>
/// What goes wrong with an artifact, by reason: as status, as Event, and as condition. Not reachable from outside are
/// <c>DiskFull</c>, <c>Fenced</c> and <c>AgentDisconnected</c>; <c>HookFailed</c> has tests of its own.
/// </summary>
public sealed class FailureTests(SharedWorld shared) : IClassFixture<SharedWorld>
{
    private readonly World _world = shared.World;

    [Fact]
    public async Task BizStartFailed_tells_the_real_cause_everywhere_and_is_final_for_that_artifact()
    {
        const string Cause = "java.lang.IllegalStateException: cannot reach the ledger database at ledger:5432";
        await _world.CreateAsync(A.Module("ledger", "2.0.0", Jar("ledger", "2.0.0", ("Simulator-Fail-Cause", Cause))).Replicas(1));
        var module = await ExpectAsync("ledger", FailureReason.BizStartFailed, "cannot reach the ledger database");
        await _world.WarningAsync(module.Metadata.Name, "BizStartFailed", "cannot reach the ledger database");
        Assert.Equal((ModulePhase.Failed, 1), (module.Status.Status, module.Status.Attempts));

        // Meanwhile another one goes through a failure and its retry: this one is not tried again.
        await _world.CreateAsync(A.Module("witness", "1.0.0", _world.Jar("witness", "1.0.0")).Symmetric());
        await _world.AvailableAsync("witness", 3, "1.0.0");
        Assert.Equal(1, _world.InstallsOf("ledger:2.0.0"));
    }

    [Fact]
    public async Task A_version_that_was_available_once_is_tried_again_after_a_failed_start()
    {
        await _world.CreateAsync(A.Module("proven", "1.0.0", _world.Jar("proven", "1.0.0")).Replicas(1));
        await _world.AvailableAsync("proven", 1, "1.0.0");
        var simulated = _world.BaseOf(_world.ModulesOf("proven")[0]);
        simulated.Order("proven", new() { FailCause = "java.net.ConnectException: database is down" });
        await simulated.RestartAsync();
        await _world.HoldsAsync(
            () => _world.ModulesOf("proven")[0].Status is { Attempts: >= 2, LastError.Reason: "BizStartFailed" }, "proven",
            "two attempts have failed");
        simulated.Order("proven", null);
        await _world.HoldsAsync(() => _world.ModulesOf("proven")[0].IsAvailable, "proven", "it is back");
    }

    [Fact]
    public async Task WebContextPathConflict_where_another_module_has_the_path()
    {
        await _world.CreateAsync(A.Module("holder", "1.0.0", _world.Jar("holder", "1.0.0", "taken")).Symmetric());
        await _world.AvailableAsync("holder", 3, "1.0.0");
        await _world.CreateAsync(A.Module("intruder", "1.0.0", _world.Jar("intruder", "1.0.0", "taken")).Replicas(1));
        await ExpectAsync("intruder", FailureReason.WebContextPathConflict, "taken");
        Assert.All(_world.ModulesOf("holder"), module => Assert.True(module.IsAvailable));
    }

    [Fact]
    public async Task InvalidArtifact_where_the_jar_is_another_module()
    {
        await _world.CreateAsync(A.Module("wanted", "1.0.0", _world.Jar("other", "3.0.0")).Replicas(1));
        await ExpectAsync("wanted", FailureReason.InvalidArtifact, "other");
        Assert.Equal(0, _world.InstallsOf("other:3.0.0"));
    }

    [Theory]
    [InlineData("sha256")]
    [InlineData("md5")]
    public async Task DigestMismatch_before_arklet_sees_the_file(string kind)
    {
        var name = $"altered-{kind}";
        var deployment = A.Module(name, "1.0.0", _world.Jar(name, "1.0.0")).Replicas(1);
        var source = deployment.Spec.Template.Spec.Module;
        source = kind == "md5" ? source with { Md5 = new string('0', 32) } : source with { Sha256 = new string('0', 64) };
        await _world.CreateAsync(deployment with { Spec = deployment.Spec with { Template = new() { Spec = new() { Module = source } } } });
        await ExpectAsync(name, FailureReason.DigestMismatch, "");
        Assert.Equal(0, _world.InstallsOf($"{name}:1.0.0"));
    }

    [Fact]
    public async Task The_right_digest_is_no_obstacle()
    {
        var url = _world.Jar("sealed", "1.0.0");
        var deployment = A.Module("sealed", "1.0.0", url).Replicas(1);
        var source = deployment.Spec.Template.Spec.Module with { Sha256 = Digests.Sha256Of(url) };
        await _world.CreateAsync(deployment with { Spec = deployment.Spec with { Template = new() { Spec = new() { Module = source } } } });
        await _world.AvailableAsync("sealed", 1, "1.0.0");
    }

    [Fact]
    public async Task ArtifactNotFound_where_the_server_knows_no_such_file()
    {
        using var server = new ArtifactServer();
        server.Start();
        await _world.CreateAsync(A.Module("absent", "1.0.0", new Uri(server.Address, "absent-1.0.0.jar").ToString()).Replicas(1));
        await ExpectAsync("absent", FailureReason.ArtifactNotFound, "404");
    }

    [Fact]
    public async Task ArtifactUnreachable_is_tried_again_until_the_server_is_there()
    {
        using var server = new ArtifactServer();
        await _world.CreateAsync(A.Module("remote", "1.0.0", server.Serve(_world.Jar("remote", "1.0.0"))).Replicas(1));
        await ExpectAsync("remote", FailureReason.ArtifactUnreachable, "");
        server.Start();
        await _world.AvailableAsync("remote", 1, "1.0.0");
        Assert.True(_world.ModulesOf("remote")[0].Status.Attempts >= 2);
        Assert.Equal(1, _world.InstallsOf("remote:1.0.0"));
        Assert.Null((await _world.FindAsync("remote"))!.Status.Conditions.Find(DeploymentConditions.ReplicaFailure));
    }

    [Fact]
    public async Task ModuleNameConflict_leaves_the_module_to_the_older_deployment()
    {
        await _world.CreateAsync(A.Module("claimed", "1.0.0", _world.Jar("claimed", "1.0.0")).Named("first").Replicas(1));
        await _world.AvailableAsync("first", 1, "1.0.0");
        // Ages are whole seconds: the second one is younger for certain.
        var created = (await _world.FindAsync("first"))!.Metadata.CreationTimestamp!.Value;
        await Eventually.True(() => TimeProvider.System.GetUtcNow() >= created.AddSeconds(1));
        await _world.CreateAsync(A.Module("claimed", "2.0.0", _world.Jar("claimed", "2.0.0", "claimed-2")).Named("second").Replicas(2));
        await _world.ConditionAsync("second", DeploymentConditions.Progressing, Condition.False, Reasons.ModuleNameConflict);
        await _world.WarningAsync("second", Reasons.ModuleNameConflict, "first");
        Assert.Empty(_world.ModulesOf("second"));

        await _world.DeleteAsync("first");
        await _world.AvailableAsync("second", 2, "2.0.0");
    }

    private async Task<Module> ExpectAsync(string name, FailureReason reason, string fragment)
    {
        var module = await _world.FailedAsync(name, reason);
        Assert.Contains(fragment, module.Status.LastError!.Message, StringComparison.Ordinal);
        await _world.WarningAsync(module.Metadata.Name, reason.ToString());
        await _world.ConditionAsync(name, DeploymentConditions.ReplicaFailure, Condition.True, reason.ToString());
        Assert.Contains(fragment, (await _world.FindAsync(name))!.Status.Conditions.Find(DeploymentConditions.ReplicaFailure)!.Message,
            StringComparison.Ordinal);
        Assert.False(_world.HasLabel(_world.PodOf(module), name));
        return module;
    }

    private string Jar(string name, string version, params (string Key, string Value)[] attributes) =>
        _world.Jar(name, version, attributes: attributes.ToDictionary(pair => pair.Key, pair => pair.Value));
}
