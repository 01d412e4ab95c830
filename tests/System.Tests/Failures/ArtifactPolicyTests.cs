using System.Text.Json.Nodes;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules.Names;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Failures;

/// <summary>A policy that allows one store and requires digests, from the ModuleDeployment to the agents' downloads.</summary>
public sealed class ArtifactPolicyTests : IAsyncLifetime
{
    private readonly ArtifactServer _store = new();
    private readonly ArtifactServer _elsewhere = new();
    private World _world = null!;

    private ArtifactPolicies Policies => new()
    {
        Named = new Dictionary<string, ArtifactPolicy>
        {
            [_world.Namespace] = new() { Sources = [ArtifactSource.Parse(_store.Address.ToString())!], RequiresSha256 = true },
        },
    };

    public async ValueTask InitializeAsync()
    {
        _store.Start();
        _elsewhere.Start();
        _world = await World.StartAsync();
        await _world.BaseAsync("base", 2);
    }

    public async ValueTask DisposeAsync()
    {
        await _world.DisposeAsync();
        _store.Dispose();
        _elsewhere.Dispose();
    }

    [Fact]
    public async Task A_module_from_elsewhere_is_reported_one_that_is_redirected_there_fails_and_a_corrected_one_is_available()
    {
        await _world.ReconfigureControllerAsync(options => options with { ArtifactPolicies = Policies });
        var jar = _world.Jar("orders", "1.0.0");
        var elsewhere = _elsewhere.Serve(jar);
        await _world.CreateAsync(A.Module("orders", "1.0.0", elsewhere).Replicas(2));
        var reported = await _world.RestsAsync("orders", Reasons.ArtifactNotAllowed);
        Assert.Equal(
            $"spec.template.spec.module.url: {elsewhere} is not at a source that the artifact policy allows ({_store.Address}); "
            + "spec.template.spec.module.sha256: is required by the artifact policy",
            reported.Status.Conditions.Find(DeploymentConditions.Stalled)!.Message);
        await _world.WarningAsync("orders", Reasons.ArtifactNotAllowed, elsewhere);
        Assert.Empty(await _world.SetsOfAsync("orders"));

        var redirect = _store.Redirect("moved.jar", elsewhere);
        await SetAsync(redirect, Digests.Sha256Of(jar));
        var failed = await _world.FailedAsync("orders", FailureReason.ArtifactNotAllowed);
        Assert.Equal(
            $"{redirect} redirects to {elsewhere}, which the artifact policy does not allow ({_store.Address})",
            failed.Status.LastError!.Message);
        Assert.Contains("set to retry after a change of the policy or the store", failed.Status.Message, StringComparison.Ordinal);
        await _world.RestsAsync("orders", Reasons.ModulesFailed, nameof(FailureReason.ArtifactNotAllowed));
        Assert.Equal((2, 0), (_store.Requests, _elsewhere.Requests));

        await SetAsync(_store.Serve(jar), Digests.Sha256Of(jar));
        await _world.AvailableAsync("orders", 2, "1.0.0");
        await _world.ConditionAsync("orders", DeploymentConditions.Ready, Condition.True, Reasons.ReleaseCompleted);
        Assert.Equal(0, _elsewhere.Requests);
    }

    [Fact]
    public async Task Under_a_younger_policy_what_runs_stays_and_is_replayed_from_the_volume_and_nothing_new_is_installed()
    {
        await _world.CreateAsync(A.Module("orders", "1.0.0", _elsewhere.Serve(_world.Jar("orders", "1.0.0"))).Replicas(1));
        await _world.AvailableAsync("orders", 1, "1.0.0");
        var requests = _elsewhere.Requests;
        await _world.ReconfigureControllerAsync(options => options with { ArtifactPolicies = Policies });
        await _world.RestsAsync("orders", Reasons.ArtifactNotAllowed);
        Assert.True(Assert.Single(_world.ModulesOf("orders")).IsAvailable);

        var simulated = _world.BaseOf(_world.ModulesOf("orders")[0]);
        var life = _world.ModulesOf("orders")[0].Status.BaseLife;
        await simulated.RestartAsync();
        await _world.HoldsAsync(
            () => _world.ModulesOf("orders") is [{ IsAvailable: true } module] && module.Status.BaseLife != life, "orders",
            "it is replayed in the new base life");
        Assert.Equal(requests, _elsewhere.Requests);

        await _world.ScaleAsync("orders", 2);
        await _world.RestsAsync("orders", Reasons.ArtifactNotAllowed);
        Assert.Single(_world.ModulesOf("orders"));
        await _world.CleanUpAsync("orders");
    }

    private Task SetAsync(string url, string sha256) => _world.PatchSpecAsync("orders", new()
    {
        ["template"] = new JsonObject
        {
            ["spec"] = new JsonObject { ["module"] = new JsonObject { ["url"] = url, ["sha256"] = sha256 } },
        },
    });
}
