using ModuleController.Core.Commands;
using ModuleController.Core.Modules;
using ModuleController.Core.Placement;
using ModuleController.Core.Tests.World;
using static ModuleController.Core.Tests.Placement.States;

namespace ModuleController.Core.Tests.Placement;

/// <summary>Which Modules go: surplus ones, and those that are replaced elsewhere or made anew.</summary>
public class RemovalTests
{
    private static readonly ModuleDeployment Shop = A.ModuleDeployment();

    [Theory]
    [InlineData(-1, -1, false)]
    [InlineData(null, -1, false)]   // kubectl replace left it out, and it is not filled in yet
    [InlineData(null, 1, true)]
    public void A_symmetric_module_stays_on_a_pod_that_is_not_Ready_for_too_long(int? replicas, int observed, bool isDeleted)
    {
        var symmetric = A.ModuleDeployment(replicas: -1);
        var deployment = symmetric with
        {
            Spec = symmetric.Spec with { Replicas = replicas },
            Status = symmetric.Status with { ObservedReplicas = observed },
        };
        var set = A.ReplicaSet(deployment, goal: 1);
        var state = State([A.Pod("base-0", "is not Ready") with { IsPastGrace = true }],
            Group(deployment, (set, [A.Module(set, 0, "base-0")])));
        Assert.Equal(isDeleted, Steps(state).Any(step => step.StartsWith("delete", StringComparison.Ordinal)));
    }

    [Fact]
    public void Scaling_down_takes_unbound_then_failed_then_unavailable_ones_first()
    {
        var set = A.ReplicaSet(Shop, goal: 1);
        var group = Group(Shop, (set,
        [
            A.Module(set, 0, "base-0"),
            A.Module(set, 1, "base-1", isAvailable: false),
            A.Module(set, 2, "base-2").Failed(FailureReason.BizStartFailed),
            A.Module(set, 3, null, isAvailable: false),
        ]));
        Assert.Equal([Name(set, 3), Name(set, 2), Name(set, 1)], Deleted(State(Pods(3), group)));
    }

    [Fact]
    public void Modules_on_a_pod_that_is_gone_are_replaced_at_once()
    {
        var set = A.ReplicaSet(Shop, goal: 2);
        var state = State(Pods(3), Group(Shop, (set, [A.Module(set, 0, "base-0"), A.Module(set, 1, "lost")])));
        Assert.Equal([$"delete {Name(set, 1)}: its base pod no longer exists", $"create {Name(set, 2)} on base-1 for -"], Steps(state));
    }

    [Theory]
    [InlineData(2, true)]
    [InlineData(-1, false)]
    public void A_pod_not_ready_for_too_long_loses_all_but_symmetric_modules(int replicas, bool isReplaced)
    {
        var deployment = A.ModuleDeployment(replicas: replicas);
        var set = A.ReplicaSet(deployment, goal: 2);
        CandidatePod[] pods = [A.Pod("base-0") with { IsPastGrace = true, Refusal = "is not Ready" }, A.Pod("base-1")];
        var state = State(pods, Group(deployment, (set, [A.Module(set, 0, "base-0"), A.Module(set, 1, "base-1")])));
        Assert.Equal(isReplaced ? [Name(set, 0)] : [], Deleted(state));
    }

    [Fact]
    public void Before_agents_had_time_to_report_nothing_is_taken_away_and_no_lack_of_places_is_reported()
    {
        var set = A.ReplicaSet(Shop, goal: 2);
        var modules = new[] { A.Module(set, 0, "lost"), A.Module(set, 1, "base-0", isAvailable: false), A.Module(set, 2, "base-1") };
        var state = State([A.Pod("base-0", "has no agent connected"), A.Pod("base-1")],
            Group(Shop, (set, modules))) with
        { HaveAgentsReported = false };
        Assert.Empty(Steps(state));
        Assert.Equal([Name(set, 0)], Deleted(state with { HaveAgentsReported = true }));
    }

    [Fact]
    public void A_module_that_never_had_a_pod_loses_its_finalizer_when_it_is_deleted()
    {
        var set = A.ReplicaSet(Shop, goal: 0);
        var state = State(Pods(1),
            Group(Shop, (set, [A.Module(set, 0, null, isAvailable: false).Deleting(), A.Module(set, 1, "base-0").Deleting()])));
        Assert.Equal([$"release {Name(set, 0)}"], Steps(state));
    }

    [Fact]
    public void One_that_ended_its_base_is_made_anew_with_a_corrected_url_although_it_was_available()
    {
        var set = A.ReplicaSet(Shop, goal: 1);
        var corrected = set with { Spec = set.Spec with { Template = A.Template("shop", "1.0.0", url: "http://jars/right.jar") } };
        var suspect = A.Module(set, 0, "base-0").Failed(FailureReason.BaseDied);
        suspect = suspect with { Status = suspect.Status with { InstalledAt = A.Time } };
        Assert.Equal([$"delete {Name(set, 0)}: its artifact was changed"],
            Steps(State(Pods(1), Group(Shop, (corrected, [suspect])))).Where(step => step.StartsWith("delete", StringComparison.Ordinal)));
        Assert.Empty(Steps(State(Pods(1), Group(Shop, (set, [suspect])))));
    }

    [Fact]
    public void One_that_was_never_available_is_made_anew_with_a_corrected_url()
    {
        var set = A.ReplicaSet(Shop, goal: 2);
        var corrected = set with { Spec = set.Spec with { Template = A.Template("shop", "1.0.0", url: "http://jars/right.jar") } };
        var state = State(Pods(2),
            Group(Shop, (corrected, [A.Module(set, 0, "base-0"), A.Module(set, 1, "base-1").Failed(FailureReason.ArtifactNotFound)])));
        Assert.Equal([$"delete {Name(set, 1)}: its artifact was changed"], Steps(state)
            .Where(step => step.StartsWith("delete", StringComparison.Ordinal)));
    }

    [Fact]
    public void Without_metaspace_a_module_moves_only_where_another_pod_takes_it()
    {
        var set = A.ReplicaSet(Shop, goal: 1);
        var group = Group(Shop, (set, [A.Module(set, 0, "base-0").Failed(FailureReason.MetaspaceFull)]));
        Assert.Empty(Deleted(State(Pods(1), group)));
        Assert.Equal([Name(set, 0)], Deleted(State(Pods(2), group)));
    }
}
