using ModuleController.Core.BasePods;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.BasePod;

/// <summary>The labels of a pod are one patch, until one of them is rejected.</summary>
public class LabelOrderTests
{
    private static readonly Module Shop =
        A.Module(A.ReplicaSet(A.ModuleDeployment("shop", 1), 1, 1), 1, "base-0") with { Status = new() { Status = ModulePhase.Available } };

    private static readonly BasePodPlan Plan = new()
    {
        Labels = new Dictionary<string, string?> { [Labels.Traffic("shop")] = "true", [Labels.Traffic("stock")] = null },
        Statuses = [new(Shop, Shop.Status)],
    };

    [Theory]
    [InlineData(false, "labels", "labels")]
    [InlineData(true, "label/module.koupleless.io/shop label/module.koupleless.io/stock", "label/module.koupleless.io/shop")]
    public void After_a_rejection_each_label_is_a_unit_of_its_own(bool areLabelsFailing, string units, string required)
    {
        var stages = BasePodOrder.Of(State, Plan, areLabelsFailing);
        Assert.Equal(units, string.Join(' ', stages[0].Select(step => step.Unit).Order(StringComparer.Ordinal)));
        Assert.Equal(Plan.Labels, stages[0].SelectMany(step => ((BasePodStep.SetLabels)step.Step).Labels).ToDictionary());
        Assert.Equal([required], Assert.Single(stages[1]).Requires);
        Assert.All(stages[0], step => Assert.True(BasePodOrder.IsOfLabels(step.Unit)));
    }

    private static BasePodState State => new() { Key = new("test", "base-0"), AcceptingSince = A.Time };
}
