using ModuleController.Core.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Placement;
using ModuleController.Core.Tests.World;
using static ModuleController.Core.Tests.Placement.States;

namespace ModuleController.Core.Tests.Placement;

/// <summary>What serves stays until its successor is prepared, or serves.</summary>
public class ServiceDuringUpgradeTests
{
    [Fact]
    public void Uninstall_first_removes_what_serves_only_when_the_new_artifact_is_on_its_pod()
    {
        var (deployment, old, @new) = Upgrade(4, UpgradePolicy.UninstallThenInstall);
        List<CandidatePod> pods = [.. Pods(4).Select(pod => pod with { CanFetch = true })];
        var begun = State(pods, Group(deployment, (old, ModulesOf(old, 4)), (@new, [])));
        Assert.Equal([$"create {Name(@new, 0)} on base-3 for {Name(old, 3)}"], Steps(begun));

        var next = A.Module(@new, 0, "base-3", isAvailable: false, replaces: $"uid-{Name(old, 3)}");
        var group = Group(deployment, (old with { Spec = old.Spec with { Replicas = 0 } }, ModulesOf(old, 4)), (@new, [next]));
        // It holds the place in maxUnavailable, but serves.
        Assert.Empty(Steps(State(pods, group)));
        pods[3] = pods[3] with { Staged = new HashSet<string> { next.Metadata.Uid! } };
        Assert.Equal([$"delete {Name(old, 3)}"], Steps(State(pods, group)).Select(step => step.Split(':')[0]));
        pods[3] = pods[3] with { IsOutOfMetaspace = true };
        Assert.Empty(Deleted(State(pods, group)));
    }

    [Fact]
    public void What_serves_stays_while_nobody_tells_whether_its_successor_is_prepared()
    {
        var (deployment, old, @new) = Upgrade(4, UpgradePolicy.UninstallThenInstall);
        var next = A.Module(@new, 0, "base-3", isAvailable: false, replaces: $"uid-{Name(old, 3)}");
        var group = Group(deployment, (old with { Spec = old.Spec with { Replicas = 0 } }, ModulesOf(old, 4)), (@new, [next]));
        var view = new BaseView
        {
            IsConnected = true,
            LastMessageAt = A.Time,
            State = BaseState.Up,
            Life = new("life", A.Time),
            IsBizKnown = true,
            CanFetch = true,
            Staged = [next.Metadata.Uid!],
        };
        Assert.Equal([Name(old, 3)], Deleted(SeenBy(view)));
        Assert.Equal([Name(old, 3)], Deleted(SeenBy(view with { CanFetch = false, Staged = [] })));
        // A new leader has no view of a pod whose agent has not reconnected.
        Assert.Empty(Deleted(SeenBy(null)));
        Assert.Empty(Deleted(SeenBy(view with { IsConnected = false, CanFetch = false })));
        Assert.Empty(Deleted(SeenBy(view with { State = BaseState.Hung })));

        PlacementState SeenBy(BaseView? seen)
        {
            var pod = new Pod
            {
                Metadata = new() { Name = "base-3", Uid = "uid-base-3" },
                Status = new() { Conditions = [new() { Type = "ContainersReady", Status = Condition.True }] },
            };
            var last = PodAssessment.Of(new(pod, null, seen), TimeSpan.FromMinutes(5), A.Time);
            return State([.. Pods(3).Select(other => other with { CanFetch = true }), last], group);
        }
    }

    [Fact]
    public void A_pod_without_metaspace_is_taken_last_and_holds_no_others_up()
    {
        var (deployment, old, @new) = Upgrade(4, UpgradePolicy.UninstallThenInstall);
        List<CandidatePod> pods = [.. Pods(4).Select(pod => pod with { CanFetch = true, IsOutOfMetaspace = pod.Name == "base-3" })];
        Assert.Equal([$"create {Name(@new, 0)} on base-2 for {Name(old, 2)}"],
            Steps(State(pods, Group(deployment, (old, ModulesOf(old, 4)), (@new, [])))));

        // It was begun when the pod still had some.
        var next = A.Module(@new, 0, "base-3", isAvailable: false, replaces: $"uid-{Name(old, 3)}");
        Assert.Equal([$"create {Name(@new, 1)} on base-2 for {Name(old, 2)}"],
            Steps(State(pods, Group(deployment, (old, ModulesOf(old, 4)), (@new, [next])))));

        // All others are through: it waits there, and says why.
        Module[] through = [.. Enumerable.Range(0, 3).Select(i => A.Module(@new, i, $"base-{i}"))];
        Assert.Equal([$"create {Name(@new, 3)} on base-3 for {Name(old, 3)}"],
            Steps(State(pods, Group(deployment, (old, [ModulesOf(old, 4)[3]]), (@new, through)))));
    }

    [Fact]
    public void A_module_that_does_not_serve_is_not_kept_for_an_artifact()
    {
        var (deployment, old, @new) = Upgrade(2, UpgradePolicy.UninstallThenInstall);
        var pods = Pods(2).Select(pod => pod with { CanFetch = true });
        Module[] modules = [ModulesOf(old, 2)[0], ModulesOf(old, 2)[1].Failed(FailureReason.BizStartFailed)];
        Assert.Equal([Name(old, 1)], Deleted(State([.. pods], Group(deployment, (old, modules), (@new, [])))));
    }

    [Theory]
    [InlineData(UpgradePolicy.InstallThenUninstall)]
    [InlineData(UpgradePolicy.UninstallThenInstall)]
    [InlineData(UpgradePolicy.ScaleUpThenScaleDown)]
    public void What_serves_stays_until_the_status_of_the_release_is_observed(UpgradePolicy policy)
    {
        var (deployment, old, @new) = Upgrade(4, policy, maxUnavailable: 4);
        var group = Group(deployment, (old, ModulesOf(old, 4)), (@new, []));
        Assert.NotEmpty(Steps(State(Pods(5), group)));
        // The goals come by another watch than the status.
        var release = deployment.Status.ReleaseStatus!;
        var before = release with { UpdateRevision = Revision.Of(old.Spec.Template).Hash() };
        foreach (var stale in (ReleaseStatus?[])
            [null, before, before with { Progress = ReleaseProgress.Aborted }, release with { UpgradePolicy = null }])
            Assert.Empty(Steps(State(Pods(5), group with { Deployment = With(deployment, stale) })));

        // Back to the old version: the policy stays that of the aborted release.
        var back = Group(deployment, (old with { Spec = old.Spec with { Replicas = 4 } }, []),
            (@new with { Spec = @new.Spec with { Replicas = 0 } }, ModulesOf(@new, 4)));
        Assert.Empty(Deleted(State(Pods(5), back)));
        Assert.NotEmpty(Steps(State(Pods(5), back with
        {
            Deployment = With(deployment, release with { Progress = ReleaseProgress.Aborted }),
        })));

        var begun = Group(deployment, (old, ModulesOf(old, 1)),
            (@new, [A.Module(@new, 0, "base-0", isAvailable: false, replaces: $"uid-{Name(old, 0)}")]));
        Assert.Empty(Deleted(State(Pods(1), begun with { Deployment = With(deployment, null) })));

        static ModuleDeployment With(ModuleDeployment deployment, ReleaseStatus? release) =>
            deployment with { Status = deployment.Status with { ReleaseStatus = release } };
    }

    [Fact]
    public void The_last_one_that_serves_goes_only_when_its_successor_serves_elsewhere()
    {
        var (deployment, old, @new) = Upgrade(1, UpgradePolicy.UninstallThenInstall);
        var only = A.Module(old, 0, "base-0");
        Assert.Equal([$"create {Name(@new, 0)} on base-1 for -"], Steps(State(Pods(2), Group(deployment, (old, [only]), (@new, [])))));
        Assert.Empty(Steps(State(Pods(2), Group(deployment, (old, [only]), (@new, [A.Module(@new, 0, "base-1", isAvailable: false)])))));
        Assert.Equal([Name(old, 0)], Deleted(State(Pods(2), Group(deployment, (old, [only]), (@new, [A.Module(@new, 0, "base-1")])))));
    }

    [Fact]
    public void Where_there_is_no_other_pod_the_upgrade_waits_until_the_user_accepts_the_gap()
    {
        var (deployment, old, @new) = Upgrade(1, UpgradePolicy.UninstallThenInstall);
        var only = A.Module(old, 0, "base-0");
        var waiting = A.Module(@new, 0, null, isAvailable: false);
        Assert.Equal([$"create {Name(@new, 0)} on - for -"], Steps(State(Pods(1), Group(deployment, (old, [only]), (@new, [])))));
        Assert.StartsWith($"explain {Name(@new, 0)}: WouldInterruptService",
            Steps(State(Pods(1), Group(deployment, (old, [only]), (@new, [waiting])))).Single(), StringComparison.Ordinal);

        var accepted = deployment.Strategy(strategy => strategy with { MaxUnavailable = new(1, false) });
        Assert.Equal([$"bind {Name(@new, 0)} to base-0 for {Name(old, 0)}", $"delete {Name(old, 0)}: replaced by a new revision"],
            Steps(State(Pods(1), Group(accepted, (old, [only]), (@new, [waiting])))));
    }

    [Fact]
    public void What_serves_on_a_pod_whose_agent_is_silent_is_left_alone()
    {
        var (deployment, old, @new) = Upgrade(4, UpgradePolicy.UninstallThenInstall);
        var pods = Pods(4).Select(pod => pod with { IsCurrent = pod.Name == "base-1" }).ToList();
        Assert.Equal([Name(old, 1)], Deleted(State(pods, Group(deployment, (old, ModulesOf(old, 4)), (@new, [])))));
    }
}
