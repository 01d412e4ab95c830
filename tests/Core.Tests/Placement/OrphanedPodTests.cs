using ModuleController.Core.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Modules;
using ModuleController.Core.Placement;
using ModuleController.Core.Tests.World;
using static ModuleController.Core.Tests.Placement.States;

namespace ModuleController.Core.Tests.Placement;

/// <summary>A base that is missing for a while, and a ModuleDeployment that never had a right to its module.</summary>
public class OrphanedPodTests
{
    [Fact]
    public void Modules_on_living_pods_of_a_base_that_is_missing_stay_and_the_others_go()
    {
        var deployment = A.ModuleDeployment(replicas: 3);
        var set = A.ReplicaSet(deployment, 3);
        var group = Group(deployment, (set, [A.Module(set, 0, "base-0"), A.Module(set, 1, "base-1"), A.Module(set, 2, "gone")]));
        Assert.Equal([Name(set, 2)], Deleted(State(Orphaned(2), group) with { IsCreationBlocked = true }));
    }

    [Fact]
    public void No_upgrade_begins_there_and_nothing_new_is_placed()
    {
        var before = A.ModuleDeployment(replicas: 2);
        var after = before.With(spec => spec with { Template = A.Template("shop", "2.0.0") }).InForce(UpgradePolicy.UninstallThenInstall);
        var (old, @new) = (A.ReplicaSet(before, 0), A.ReplicaSet(after, 2, revision: 2));
        var waiting = A.Module(@new, 0, null, isAvailable: false);
        var group = Group(after, (old, [A.Module(old, 0, "base-0"), A.Module(old, 1, "base-1")]), (@new, [waiting]));
        Assert.Empty(Deleted(State(Orphaned(2), group) with { IsCreationBlocked = true }));
        // Another base of that name is there already, and these are not its pods.
        Assert.Empty(Deleted(State(Orphaned(2), group)));
    }

    [Fact]
    public void A_pod_is_judged_adrift_whatever_else_is_wrong_with_it()
    {
        var observed = new ObservedPod(
            new Pod { Metadata = new() { Name = "base-0", Uid = "uid", CreationTimestamp = A.Time.AddHours(-1) } }, null, null)
        {
            UnreadySince = A.Time.AddHours(-1),
        };
        Assert.True(PodAssessment.Of(observed, TimeSpan.FromMinutes(5), A.Time).IsPastGrace);
        var orphaned = PodAssessment.Of(observed with { IsOrphaned = true }, TimeSpan.FromMinutes(5), A.Time);
        Assert.Equal((false, false, "is orphaned: its base Deployment does not exist or has not adopted its ReplicaSet"),
            (orphaned.IsPastGrace, orphaned.IsStarting, orphaned.Refusal));
    }

    [Fact]
    public void What_is_in_conflict_gives_up_its_modules_when_it_is_deleted()
    {
        var deployment = A.ModuleDeployment(replicas: 1);
        var (set, none) = (A.ReplicaSet(deployment, 1), A.ReplicaSet(deployment, 0));
        var group = Group(deployment, (set, [A.Module(set, 0, "base-0")])) with { IsConflicting = true };
        Assert.Empty(Steps(State(Pods(2), group)));
        var leaving = deployment with { Metadata = deployment.Metadata with { DeletionTimestamp = A.Time } };
        Assert.Equal(
            [$"delete {Name(set, 0)}: it is no longer wanted"],
            Steps(State(Pods(2), Group(leaving, (none, [A.Module(none, 0, "base-0")])) with { IsConflicting = true })));
    }

    [Fact]
    public void Agents_never_heard_count_as_gone_only_when_they_have_had_time_to_come()
    {
        DateTimeOffset? Gone(DateTimeOffset acceptingSince) => AgentPresence.NeverConnected(acceptingSince, A.Time).DisconnectedSince;
        Assert.Null(Gone(A.Time));
        Assert.Null(Gone(A.Time.AddSeconds(-9.9)));
        Assert.Equal(A.Time.AddSeconds(-10), Gone(A.Time.AddSeconds(-10)));
        // The gate is closed: nobody can come.
        Assert.Null(Gone(DateTimeOffset.MaxValue));
    }

    private static CandidatePod[] Orphaned(int count) =>
        [.. Pods(count)
            .Select(pod =>
                pod with { IsOrphaned = true, IsNewest = false,
                Refusal = "is orphaned: its base Deployment does not exist or has not adopted its ReplicaSet" })];
}
