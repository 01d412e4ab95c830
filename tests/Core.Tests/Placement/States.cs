using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Placement;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Placement;

/// <summary>What placement observes, and what it plans.</summary>
internal static class States
{
    public static CandidatePod[] Pods(int count) => [.. Enumerable.Range(0, count).Select(i => A.Pod($"base-{i}"))];

    public static DeploymentGroup Group(ModuleDeployment deployment, params (ModuleReplicaSet Set, Module[] Modules)[] sets) =>
        new(deployment, [.. sets.Select(set => new ReplicaSetWithModules(set.Set, set.Modules))]);

    public static PlacementState State(IReadOnlyList<CandidatePod> pods, params DeploymentGroup[] groups) =>
        new() { Pods = pods, Groups = groups };

    public static string Name(ModuleReplicaSet set, int ordinal) => $"{set.Metadata.Name}-{ordinal}";

    public static List<string> Steps(PlacementState state) => [.. PlacementPlanner.Plan(state, A.Time).Steps.Select(WorldWrites.Text)];

    public static List<string> Deleted(PlacementState state) =>
        [.. PlacementPlanner.Plan(state, A.Time).Steps.OfType<PlacementStep.Delete>().Select(step => step.Module.Metadata.Name)];

    public static Module[] ModulesOf(ModuleReplicaSet set, int count) =>
        [.. Enumerable.Range(0, count).Select(i => A.Module(set, i, $"base-{i}"))];

    /// <summary>To 2.0.0, of which no Module exists yet.</summary>
    public static (ModuleDeployment, ModuleReplicaSet Old, ModuleReplicaSet New) Upgrade(int count, UpgradePolicy policy,
        int? maxUnavailable = null)
    {
        var before = A.ModuleDeployment(replicas: count)
            .Strategy(strategy => strategy with { MaxUnavailable = maxUnavailable is { } limit ? new(limit, false) : null });
        var after = before.With(spec => spec with { Template = A.Template("shop", "2.0.0") }).InForce(policy);
        return (after, A.ReplicaSet(before, 0), A.ReplicaSet(after, count, revision: 2));
    }
}
