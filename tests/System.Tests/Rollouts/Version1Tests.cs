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

    [Fact]
    public async Task A_first_release_installs_its_module()
    {
        await ApplyAsync("first-release");
        await _world.AvailableAsync("orders", 1, "1.0.0");
        await CleanUpAsync("orders");
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

    private async Task CleanUpAsync(string name)
    {
        await _world.DeleteAsync(name);
        await _world.GoneAsync(name);
        Assert.All(_world.Images.Living, living => Assert.DoesNotContain(living.Base.Biz.Keys, biz => biz.StartsWith($"{name}:", StringComparison.Ordinal)));
    }
}
