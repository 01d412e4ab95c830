using System.Text.Json;
using System.Text.Json.Nodes;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Rollouts;
using ModuleController.Core.Tests.Rollout;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.GitOps;

/// <summary>What Argo CD says of our objects with the health checks of deploy/gitops.</summary>
public class ArgoHealthTests
{
    public static TheoryData<string, string> States =>
        [.. ReadinessTests.States.Select(row => row.Data).Select(row => (row.Item1, (row.Item2, row.Item3) switch
    {
        _ when row.Item1 == "being deleted" => "Progressing",
        ("Ready", _) => "Healthy",
        ("Stalled", _) => "Degraded",
        (_, Reasons.Paused or Reasons.Frozen or Reasons.WaitingForConfirmation) => "Suspended",
        _ => "Progressing",
    }))];

    [Theory, MemberData(nameof(States))]
    public void A_module_deployment_is_healthy_progressing_suspended_or_degraded(string state, string health)
    {
        var deployment = ReadinessTests.In(state);
        var ready = deployment.Status.Conditions.First(condition => condition.Type == DeploymentConditions.Ready);
        var message = deployment.Metadata.IsDeleting ? "Being deleted" : ready.Message;
        Assert.Equal((health, message), ArgoHealth.Of("ModuleDeployment", Json(deployment)));
    }

    [Fact]
    public void A_status_of_an_older_generation_says_nothing()
    {
        foreach (var state in (string[])["complete and available", "past the deadline"])
        {
            var deployment = ReadinessTests.In(state);
            var changed = deployment with { Metadata = deployment.Metadata with { Generation = deployment.Metadata.Generation + 1 } };
            Assert.Equal(("Progressing", "Waiting for the controller"), ArgoHealth.Of("ModuleDeployment", Json(changed)));
        }

        var created = Json(A.ModuleDeployment());
        created.AsObject().Remove("status");
        Assert.Equal(("Progressing", "Waiting for the controller"), ArgoHealth.Of("ModuleDeployment", created));
    }

    [Fact]
    public void A_write_that_is_rejected_before_there_is_a_status_degrades()
    {
        var created = A.ModuleDeployment();
        var rejected = created with { Status = Readiness.Rejected(created, "403 Forbidden: exceeded quota", A.Time) };
        Assert.Equal(("Degraded", "403 Forbidden: exceeded quota"), ArgoHealth.Of("ModuleDeployment", Json(rejected)));
    }

    [Theory]
    [InlineData(3, null, "Progressing", "0 of 3 modules are available")]
    [InlineData(3, 2, "Progressing", "2 of 3 modules are available")]
    [InlineData(3, 3, "Healthy", "3 of 3 modules are available")]
    [InlineData(0, 0, "Healthy", "0 of 0 modules are available")]
    public void A_replica_set_is_healthy_when_its_modules_are_available(int goal, int? available, string health, string message)
    {
        var set = A.ReplicaSet(A.ModuleDeployment(), goal) with { Status = new() { AvailableReplicas = available } };
        Assert.Equal((health, message),
            ArgoHealth.Of("ModuleReplicaSet", JsonSerializer.SerializeToNode(set, ModulesJson.Default.ModuleReplicaSet)!));
    }

    [Theory]
    [InlineData(ModulePhase.Pending, null, "Progressing", "Pending")]
    [InlineData(ModulePhase.Upgrading, "install is under way", "Progressing", "install is under way")]
    [InlineData(ModulePhase.Available, null, "Healthy", "Available")]
    [InlineData(ModulePhase.Failed, "BizStartFailed: it \"broke\"\n", "Degraded", "BizStartFailed: it \"broke\"\n")]
    [InlineData(null, null, "Progressing", "Waiting for the controller")]
    public void A_module_is_healthy_when_it_is_available(string? phase, string? reported, string health, string message)
    {
        var module = A.Module(A.ReplicaSet(A.ModuleDeployment(), 1), 0,
            "base-0") with
        { Status = new() { Status = phase, Message = reported } };
        Assert.Equal((health, message), ArgoHealth.Of("Module", Json(module)));
        if (phase is not null) Assert.Equal("Progressing", ArgoHealth.Of("Module", Json(module.Deleting())).Status);
    }

    private static JsonNode Json(ModuleDeployment deployment) =>
        JsonSerializer.SerializeToNode(deployment, ModulesJson.Default.ModuleDeployment)!;

    private static JsonNode Json(Module module) => JsonSerializer.SerializeToNode(module, ModulesJson.Default.Module)!;
}
