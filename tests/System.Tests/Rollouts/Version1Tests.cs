using System.Text.Json;
using System.Text.Json.Nodes;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Rollouts;

/// <summary>Manifests as users of version 1 have them. They share names, so each test cleans up.</summary>
public sealed class Version1Tests(SharedWorld shared) : IClassFixture<SharedWorld>
{
    private readonly World _world = shared.World;

    [Theory]
    [InlineData("first-release", 1, "grayTimeBetweenBatchSeconds")]
    [InlineData("batches-with-confirmation", 3, "needConfirm", "grayTimeBetweenBatchSeconds", "batchCount")]
    [InlineData("batches-scaled-to-nothing", 0, "needConfirm", "grayTimeBetweenBatchSeconds", "batchCount")]
    [InlineData("symmetric-in-batches", 3, "needConfirm", "grayTimeBetweenBatchSeconds", "batchCount")]
    public async Task A_release_installs_all_at_once_and_says_which_fields_have_no_effect_yet(string file, int count, params string[] fields)
    {
        await ApplyAsync(file);
        await _world.AvailableAsync("orders", count, "1.0.0");
        await ExpectWithoutEffectAsync("orders", fields);
        await CleanUpAsync("orders");
    }

    [Fact]
    public async Task Scaleup_then_scaledown_upgrades_as_if_no_policy_were_set()
    {
        await ApplyAsync("batches-with-confirmation");
        await _world.AvailableAsync("orders", 3, "1.0.0");
        var spec = Read("scaleup-then-scaledown")["spec"]!.AsObject();
        await _world.PatchSpecAsync("orders", spec.DeepClone().AsObject());
        await _world.AvailableAsync("orders", 3, "1.1.0");
        await ExpectWithoutEffectAsync("orders", "upgradePolicy");
        await CleanUpAsync("orders");
    }

    [Fact]
    public async Task A_service_is_generated_and_the_first_of_a_beta_does_not_wait_yet()
    {
        await ApplyAsync("service-and-beta");
        // Four are wanted and there are three base pods.
        await _world.HoldsAsync(() => _world.ModulesOf("invoice").Count(module => module.IsAvailable) == 3, "invoice", "three are available");
        await Eventually.True(
            async () => await _world.AnswersAsync("invoice-service", "invoice/hello") is ["invoice 1.0.0", "invoice 1.0.0", "invoice 1.0.0"],
            () => _world.DumpAsync("invoice"));
        await ExpectWithoutEffectAsync("invoice", "useBeta", "batchCount");
        await CleanUpAsync("invoice");
    }

    [Fact]
    public async Task What_was_stored_asleep_stays_valid_and_installs_nothing()
    {
        await ApplyAsync("stored-scaled-to-nothing");
        await _world.EventAsync("asleep", Reasons.ReplicasUnset);
        await _world.AvailableAsync("asleep", 0, "1.0.0");
        Assert.Equal(0, _world.InstallsOf("asleep:1.0.0"));
        await _world.PatchAsync("asleep", new() { ["metadata"] = new JsonObject { ["labels"] = new JsonObject { ["touched"] = "yes" } } });
        await CleanUpAsync("asleep");
    }

    [Fact]
    public async Task What_was_stored_while_waiting_goes_on()
    {
        await ApplyAsync("stored-waiting");
        await _world.AvailableAsync("waiting", 3, "1.0.0");
        await ExpectWithoutEffectAsync("waiting", "needConfirm", "batchCount");
        await CleanUpAsync("waiting");
    }

    [Fact]
    public async Task A_module_template_is_kept()
    {
        var manifest = Manifests.Read(await File.ReadAllTextAsync(PathOf("template"), TestContext.Current.CancellationToken));
        var template = new ModuleTemplate
        {
            Metadata = new() { Name = manifest["metadata"]!["name"]!.GetValue<string>(), Namespace = _world.Namespace },
            Template = manifest["template"].Deserialize(ModulesJson.Default.ModuleTemplateSpec)!,
        };
        var created = await _world.Client.CreateAsync(template, "test");
        Assert.Equal("1.0.0", created.Template.Spec.Module.Version);
    }

    private async Task ApplyAsync(string file)
    {
        var manifest = LooseModuleDeployment.Of(Read(file), _world.Namespace);
        var status = manifest.Status;
        await _world.Client.CreateAsync(manifest with { Status = null }, "test");
        if (status is { } stored)
            await _world.Client.PatchAsync<LooseModuleDeployment>(
                new(_world.Namespace, manifest.Metadata.Name), new() { ["status"] = JsonObject.Create(stored) }, new("test") { Subresource = "status" });
    }

    /// <summary>The manifest, its url replaced by one that is there.</summary>
    private JsonObject Read(string file)
    {
        var manifest = Manifests.Read(File.ReadAllText(PathOf(file)));
        var module = manifest["spec"]!["template"]!["spec"]!["module"]!.AsObject();
        module["url"] = _world.Jar(module["name"]!.GetValue<string>(), module["version"]!.ToString());
        return manifest;
    }

    private static string PathOf(string file) => Path.Combine(Manifests.Root, "tests", "fixtures", "v1", $"{file}.yaml");

    private async Task ExpectWithoutEffectAsync(string name, params string[] fields)
    {
        await _world.ConditionAsync(name, DeploymentConditions.FieldsWithoutEffect, Condition.True, Reasons.FieldsWithoutEffect);
        var message = (await _world.FindAsync(name))!.Status.Conditions.Find(DeploymentConditions.FieldsWithoutEffect)!.Message!;
        Assert.All(fields, field => Assert.Contains(field, message, StringComparison.Ordinal));
        await _world.EventAsync(name, Reasons.FieldsWithoutEffect, fields[0]);
    }

    private async Task CleanUpAsync(string name)
    {
        await _world.DeleteAsync(name);
        await _world.GoneAsync(name);
        Assert.All(_world.Images.Living, living => Assert.DoesNotContain(living.Base.Biz.Keys, biz => biz.StartsWith($"{name}:", StringComparison.Ordinal)));
    }
}
