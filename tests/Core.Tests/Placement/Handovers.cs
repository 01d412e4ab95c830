using CsCheck;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Placement;
using ModuleController.Core.Tests.World;
using static ModuleController.Core.Tests.Placement.States;

namespace ModuleController.Core.Tests.Placement;

/// <summary>Releases with scaleup_then_scaledown, on a base that may be scaled.</summary>
internal static class Handovers
{
    public static List<PlacementStep> Plan(IReadOnlyList<CandidatePod> pods, BaseDeployment found, params DeploymentGroup[] groups) =>
        [.. PlacementPlanner.Plan(State(pods, groups) with { Base = found }, A.Time).Steps
            .Where(step => step is not PlacementStep.Create { Pod: null })];

    public static BaseDeployment Base(int replicas, string? added = null, string? isAllowed = "true", string? autoscaler = null,
        string? limit = null)
    {
        var annotations = new Dictionary<string, string>();
        if (isAllowed is not null) annotations[Annotations.AllowBaseScaling] = isAllowed;
        if (added is not null) annotations[Annotations.AddedReplicas] = added;
        if (limit is not null) annotations[Annotations.MaxAddedReplicas] = limit;
        return new(new Deployment
        {
            Metadata = new() { Name = "base", Namespace = "test", Uid = "uid-base", Annotations = annotations },
            Spec = new() { Replicas = replicas },
        }, autoscaler);
    }

    public static (ModuleDeployment, ModuleReplicaSet Old, ModuleReplicaSet New) Release(int count)
    {
        var before = A.ModuleDeployment(replicas: count);
        var after = before.With(spec => spec with { Template = A.Template("shop", "2.0.0") })
            .InForce(UpgradePolicy.ScaleUpThenScaleDown);
        return (after, A.ReplicaSet(before, 0), A.ReplicaSet(after, count, revision: 2));
    }

    public static string Uid(ModuleReplicaSet set, int ordinal) => $"uid-{Name(set, ordinal)}";
}
