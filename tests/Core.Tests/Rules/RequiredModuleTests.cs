using ModuleController.Core.BasePods.Gates;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Rules;

/// <summary>Which ModuleDeployments may hold the readiness gate of their base.</summary>
public sealed class RequiredModuleTests
{
    [Fact]
    public void A_symmetric_one_holds_it_on_every_pod_unless_it_says_otherwise()
    {
        var required = Assert.Single(Of(Completed(A.ModuleDeployment("shop", -1))));
        Assert.Equal(("uid-shop", "shop", "1.0.0", true),
            (required.DeploymentUid, required.Completed.Name, required.Completed.Version, required.IsOnEveryPod));
        Assert.Empty(Of(Completed(A.ModuleDeployment("shop", -1).With(spec => spec with { Required = false }))));
    }

    [Fact]
    public void Any_other_holds_it_where_it_says_so_and_only_where_it_is()
    {
        Assert.Empty(Of(Completed(A.ModuleDeployment())));
        var required = Assert.Single(Of(Completed(A.ModuleDeployment().With(spec => spec with { Required = true }))));
        Assert.False(required.IsOnEveryPod);
    }

    [Fact]
    public void One_whose_first_release_is_under_way_holds_nothing()
    {
        var deployment = A.ModuleDeployment("shop", -1);

        Assert.Empty(Of((deployment, [A.ReplicaSet(deployment, 3)])));
        Assert.Empty(Of((deployment, [])));
    }

    [Fact]
    public void In_a_later_release_it_is_the_revision_that_completed_last()
    {
        var (deployment, sets) = Completed(A.ModuleDeployment("shop", -1));
        var next = deployment.With(spec => spec with { Template = A.Template("shop", "2.0.0") });

        Assert.Equal("1.0.0", Assert.Single(Of((next, [.. sets, A.ReplicaSet(next, 1, 2)]))).Completed.Version);
    }

    [Fact]
    public void One_that_goes_holds_nothing()
    {
        var (deployment, sets) = Completed(A.ModuleDeployment("shop", -1));

        Assert.Empty(Of((deployment with { Metadata = deployment.Metadata with { DeletionTimestamp = A.Time } }, sets)));
        Assert.Empty(Of((deployment, [.. sets.Select(set => set with { Metadata = set.Metadata with { DeletionTimestamp = A.Time } })])));
    }

    [Fact]
    public void Of_two_with_one_module_name_only_the_older_one_counts()
    {
        var older = Completed(A.ModuleDeployment("shop", -1));
        var younger = A.ModuleDeployment("shop-2", -1).With(spec => spec with { Template = A.Template("shop", "2.0.0") });
        younger = younger with { Metadata = younger.Metadata with { CreationTimestamp = A.Time.AddHours(1) } };

        Assert.Equal("uid-shop", Assert.Single(Of(older, Completed(younger))).DeploymentUid);
    }

    [Fact]
    public void They_are_reported_by_name_whatever_order_they_come_in()
    {
        var (shop, cart) = (Completed(A.ModuleDeployment("shop", -1)), Completed(A.ModuleDeployment("cart", -1)));

        Assert.Equal(["cart", "shop"], Of(shop, cart).Select(required => required.Completed.Name));
        Assert.Equal(["cart", "shop"], Of(cart, shop).Select(required => required.Completed.Name));
    }

    private static (ModuleDeployment Deployment, ModuleReplicaSet[] Sets) Completed(ModuleDeployment deployment)
    {
        var set = A.ReplicaSet(deployment, 3);
        var annotations = new Dictionary<string, string>(set.Metadata.Annotations) { [Annotations.CompletedAt] = KubeTime.Text(A.Time) };
        return (deployment, [set with { Metadata = set.Metadata with { Annotations = annotations } }]);
    }

    private static IReadOnlyList<RequiredModule> Of(params (ModuleDeployment Deployment, ModuleReplicaSet[] Sets)[] ofBase) =>
        RequiredModule.Of(
            [.. ofBase.Select(item => item.Deployment)], deployment => ofBase.Single(item => item.Deployment == deployment).Sets,
            _ => false);
}
