using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Placement;
using ModuleController.Core.Rollouts;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Placement;

/// <summary>Which labels of a ModuleDeployment its children carry: none that commands them, and none that tracks it.</summary>
public class ChildLabelsTests
{
    private static readonly string[] NotCopied =
    [
        Labels.DeleteModule, Labels.DeleteModuleDirectly, Labels.DeletePod, "module.koupleless.io/orders", "app.kubernetes.io/instance",
        "app.kubernetes.io/managed-by", "argocd.argoproj.io/instance", "kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name",
        "helm.sh/chart",
    ];

    [Fact]
    public void Children_carry_the_labels_of_their_ModuleDeployment_except_those_that_command_or_track()
    {
        var shop = Labelled(NotCopied.Append("team").ToDictionary(key => key, _ => "true"));

        var set = RevisionReplicaSets.New(shop, revision: 1);
        Assert.Equal("true", set.Metadata.Labels["team"]);
        Assert.Empty(set.Metadata.Labels.Keys.Intersect(NotCopied));

        var module = Created(shop, set);
        Assert.Equal("true", module.Metadata.Labels["team"]);
        Assert.Empty(module.Metadata.Labels.Keys.Intersect(NotCopied));
    }

    [Fact]
    public void A_ReplicaSet_loses_a_label_that_commands_or_tracks_and_that_an_earlier_controller_copied()
    {
        var shop = Labelled([]);
        var set = RevisionReplicaSets.New(shop, revision: 1);
        var old = set with { Metadata = set.Metadata with { Labels = NotCopied.ToDictionary(key => key, _ => "true") } };

        Assert.Empty(RevisionReplicaSets.Updated(old, shop, 1).Metadata.Labels.Keys.Intersect(NotCopied));
    }

    [Fact]
    public void Labels_of_a_template_are_carried_except_those_that_command_and_those_that_no_label_can_be()
    {
        var shop = Template(new()
        {
            Labels = new Dictionary<string, string>
            {
                ["app.kubernetes.io/instance"] = "shop-prod",
                [Labels.DeleteModule] = "true",
                ["owner"] = "张三",
                ["no key"] = "x",
            },
            Annotations = new Dictionary<string, string> { ["note"] = "张三", ["no key"] = "x" },
        });

        var module = Created(shop, RevisionReplicaSets.New(shop, revision: 1));

        Assert.Equal("shop-prod", module.Metadata.Labels["app.kubernetes.io/instance"]);
        Assert.Empty(module.Metadata.Labels.Keys.Intersect([Labels.DeleteModule, "owner", "no key"]));
        Assert.Equal(["note"], module.Metadata.Annotations.Keys);
    }

    /// <summary>Each new Module would inherit the label, and lower the number of replicas once more.</summary>
    [Fact]
    public void The_label_delete_module_on_a_ModuleDeployment_removes_no_Module()
    {
        var world = new SmallWorld();
        for (var i = 0; i < 3; i++) world.AddPod($"base-{i}");
        world.Deployments["shop"] = Labelled(new() { [Labels.DeleteModule] = "true" });
        world.Settle();

        Assert.Equal((3, 3), (world.Modules.Count, world.Deployments["shop"].Spec.Replicas));
    }

    private static Module Created(ModuleDeployment deployment, ModuleReplicaSet set) => ModuleObjects.Created(
        new PlacementStep.Create(deployment, set with { Metadata = set.Metadata with { Uid = "uid" } }, "m-0", A.Pod("base-0"),
            Replaces: null));

    private static ModuleDeployment Labelled(Dictionary<string, string> labels)
    {
        var shop = A.ModuleDeployment();
        return shop with { Metadata = shop.Metadata with { Labels = labels } };
    }

    private static ModuleDeployment Template(TemplateMeta metadata) =>
        A.ModuleDeployment().With(spec => spec with { Template = spec.Template with { Metadata = metadata } });
}
