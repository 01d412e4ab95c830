using System.Text.Json.Nodes;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules.Names;
using ModuleController.Kube.Client;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Rollouts;

/// <summary>What the API refuses, with a message that names the field.</summary>
public sealed class BadInputTests(WorldWithoutBase shared) : IClassFixture<WorldWithoutBase>
{
    private const string Module = "spec.template.spec.module";
    private readonly World _world = shared.World;

    [Theory]
    [InlineData("spec.baseDeploymentName", "null")]
    [InlineData("spec.baseDeploymentName", "''")]
    [InlineData("spec.template", "null")]
    [InlineData($"{Module}.name", "null")]
    [InlineData($"{Module}.name", "''")]
    [InlineData($"{Module}.name", "'not a label'")]
    [InlineData($"{Module}.name", "'a-name-of-more-than-52-characters-is-too-long-for-us-x'")]
    [InlineData($"{Module}.version", "null")]
    [InlineData($"{Module}.version", "''")]
    [InlineData($"{Module}.version", "'1.0/beta'")]
    [InlineData($"{Module}.url", "null")]
    [InlineData($"{Module}.url", "''")]
    [InlineData($"{Module}.url", "'no url'")]
    [InlineData($"{Module}.url", "'ftp://artifacts/orders.jar'")]
    [InlineData($"{Module}.sha256", "'abc'")]
    [InlineData("spec.replicas", "-2")]
    [InlineData("spec.scaleReplicas", "-1")]
    [InlineData("spec.minReadySeconds", "-1")]
    [InlineData("spec.revisionHistoryLimit", "-1")]
    [InlineData("spec.progressDeadlineSeconds", "-1")]
    [InlineData("spec.operationStrategy.batchCount", "-1")]
    [InlineData("spec.operationStrategy.upgradePolicy", "'rolling'")]
    [InlineData("spec.operationStrategy.maxUnavailable", "'many'")]
    [InlineData("spec.operationStrategy.installTimeoutSeconds", "0")]
    [InlineData("spec.operationStrategy.trafficDrainSeconds", "-1")]
    [InlineData("spec.operationStrategy.serviceStrategy.port", "70000")]
    [InlineData("spec.operationStrategy.serviceStrategy.targetPort", "70000")]
    [InlineData("spec.operationStrategy.serviceStrategy.type", "'Magic'")]
    [InlineData("spec.schedulingStrategy.schedulingPolicy", "'random'")]
    public async Task A_bad_field_is_refused_by_name(string field, string value)
    {
        var manifest = Good("refused");
        var path = field.Split('.');
        var parent = path[..^1].Aggregate((JsonNode)manifest, (node, name) => node[name] ??= new JsonObject());
        parent[path[^1]] = JsonNode.Parse(value.Replace('\'', '"'));
        if (value == "null") parent.AsObject().Remove(path[^1]);

        var refusal = await Assert.ThrowsAsync<KubeException>(
            () => _world.Client.CreateAsync(LooseModuleDeployment.Of(manifest, _world.Namespace), "test"));
        Assert.Equal(422, refusal.Error.Code);
        Assert.Contains(field, refusal.Message, StringComparison.Ordinal);
        Assert.Null(await _world.FindAsync("refused"));
    }

    [Theory]
    [InlineData("spec.baseDeploymentName", "other")]
    [InlineData($"{Module}.name", "other")]
    public async Task What_is_immutable_stays(string field, string value)
    {
        var name = $"fixed-{field.Length}";
        await _world.Client.CreateAsync(LooseModuleDeployment.Of(Good(name), _world.Namespace), "test");
        var patch = field.Split('.').Reverse().Aggregate((JsonNode)value, (inner, step) => new JsonObject { [step] = inner }).AsObject();
        var refusal = await Assert.ThrowsAsync<KubeException>(() => _world.PatchAsync(name, patch));
        Assert.Equal(422, refusal.Error.Code);
        Assert.Contains(field, refusal.Message, StringComparison.Ordinal);
        Assert.Contains("immutable", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_only_the_controller_can_see_gets_a_condition_and_an_event_and_is_left_alone()
    {
        var manifest = Good("service");
        manifest["spec"]!["operationStrategy"] = new JsonObject { ["serviceStrategy"] = new JsonObject { ["enableModuleService"] = true } };
        await _world.Client.CreateAsync(LooseModuleDeployment.Of(manifest, _world.Namespace), "test");
        await _world.ConditionAsync("service", DeploymentConditions.Progressing, Condition.False, Reasons.InvalidSpec);
        await _world.WarningAsync("service", Reasons.InvalidSpec, "serviceStrategy.port");
        Assert.Empty(await _world.SetsOfAsync("service"));
    }

    private static JsonObject Good(string name) => new()
    {
        ["metadata"] = new JsonObject { ["name"] = name },
        ["spec"] = new JsonObject
        {
            ["baseDeploymentName"] = "base",
            ["replicas"] = 1,
            ["template"] = new JsonObject
            {
                ["spec"] = new JsonObject
                {
                    ["module"] = new JsonObject
                    {
                        ["name"] = name,
                        ["version"] = "1.0.0",
                        ["url"] = "https://artifacts.example/orders.jar"
                    },
                },
            },
        },
    };
}
