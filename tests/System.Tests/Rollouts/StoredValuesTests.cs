using System.Text.Json.Nodes;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Rollouts;

/// <summary>Values that were stored before the CRDs rejected them, all the way to an agent.</summary>
public sealed class StoredValuesTests
{
    private static readonly string LongPath = "/" + new string('张', 1000);

    [Fact]
    public async Task A_value_that_an_agent_would_refuse_fails_its_own_Module_and_the_stream_stays_open()
    {
        await using var world = await World.StartAsync();
        Assert.SkipWhen(world.Cluster is null, "the CRDs of somebody else's cluster stay as they are");
        await world.BaseAsync("base", 1);
        foreach (var name in new[] { "orders", "digest", "hooked", "labelled" })
        {
            await world.CreateAsync(A.Module(name, "1.0.0", world.Jar(name, "1.0.0")));
            await world.AvailableAsync(name, 1, "1.0.0");
        }

        using var server = world.Cluster!.Server.CreateClient();
        await CrdFiles.ReplaceAsync(server, CrdFiles.WithoutLimits);
        var digest = new JsonObject { ["module"] = new JsonObject { ["md5"] = "abc" } };
        await world.PatchSpecAsync("digest", new() { ["template"] = new JsonObject { ["spec"] = digest.DeepClone() } });
        // From now on, the controller changes nothing of it.
        await world.ConditionAsync("digest", DeploymentConditions.Progressing, Condition.False, Reasons.InvalidSpec);
        var module = world.ModulesOf("digest")[0];
        await world.Client.PatchAsync<ModuleReplicaSet>(
            new("default", module.Metadata.Controller!.Name),
            new() { ["spec"] = new JsonObject { ["template"] = new JsonObject { ["spec"] = digest.DeepClone() } } }, new("test"),
            TestContext.Current.CancellationToken);
        await world.Client.PatchAsync<Module>(
            ObjectKey.Of(module.Metadata), new() { ["spec"] = digest.DeepClone() }, new("test"), TestContext.Current.CancellationToken);
        var hook = new JsonObject { ["port"] = 8080, ["path"] = LongPath };
        await world.PatchSpecAsync("hooked", new()
        {
            ["operationStrategy"] = new JsonObject { ["installTimeoutSeconds"] = 100_000 },
            ["hooks"] = new JsonObject { ["preInstall"] = hook.DeepClone(), ["preUninstall"] = hook.DeepClone() },
        });
        await world.PatchSpecAsync("labelled", new()
        {
            ["operationStrategy"] = new JsonObject { ["installTimeoutSeconds"] = 100_000, ["maxUnavailable"] = 1 },
            ["template"] = new JsonObject { ["metadata"] = new JsonObject { ["labels"] = new JsonObject { ["owner"] = "张三" } } },
        });
        await CrdFiles.ReplaceAsync(server, CrdFiles.Current);

        // A new ReplicaSet and a new Module have to be valid.
        await world.UpgradeAsync("labelled", "2.0.0", world.Jar("labelled", "2.0.0"));
        await world.AvailableAsync("labelled", 1, "2.0.0");
        await world.ConditionAsync("labelled", DeploymentConditions.PartiallyInvalid, Condition.True, Reasons.InvalidSpec);
        await world.WarningAsync("labelled", Reasons.InvalidSpec, "not '张三' (left out)");
        foreach (
            var (name, field) in new[] { ("digest", "md5: must be 32 hexadecimal digits"),
            ("hooked", "installTimeoutSeconds: must be 1 to 86400") })
        {
            await world.ConditionAsync(name, DeploymentConditions.Progressing, Condition.False, Reasons.InvalidSpec);
            await world.WarningAsync(name, Reasons.InvalidSpec, field);
        }

        // Everything has to be installed again.
        var streams = world.Controller!.Agents.Changes;
        await world.BaseOf(world.ModulesOf("orders")[0]).RestartAsync();
        var refused = await world.FailedAsync("digest", FailureReason.InvalidArtifact);
        Assert.Equal("spec.module.md5: must be 32 hexadecimal digits, or empty, not 'abc'", refused.Status.LastError!.Message);
        Assert.Contains("spec.hooks.preInstall.path: must be",
            (await world.FailedAsync("hooked", FailureReason.HookFailed)).Status.LastError!.Message, StringComparison.Ordinal);
        await world.AvailableAsync("orders", 1, "1.0.0");
        Assert.Equal(streams, world.Controller.Agents.Changes);

        // And they can be scaled down, corrected and deleted.
        await world.ScaleAsync("digest", 0);
        await world.HoldsAsync(() => world.ModulesOf("digest").Count == 0, "digest", "it has no Modules");
        await world.PatchSpecAsync("hooked", new() { ["operationStrategy"] = null, ["hooks"] = null });
        await world.AvailableAsync("hooked", 1, "1.0.0");
        foreach (var name in new[] { "digest", "hooked", "labelled", "orders" })
        {
            await world.DeleteAsync(name);
            await world.GoneAsync(name);
        }

        Assert.Equal(streams, world.Controller.Agents.Changes);
    }
}
