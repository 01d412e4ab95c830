using ModuleController.Core.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Placement;
using ModuleController.Core.Tests.World;
using static ModuleController.Core.Tests.Placement.States;

namespace ModuleController.Core.Tests.Placement;

/// <summary>Pods whose agent, of an older version, does not enforce the artifact policy.</summary>
public sealed class PolicyPlacementTests
{
    [Theory]
    [InlineData(false, false, null)]
    [InlineData(true, true, null)]
    [InlineData(true, false, "has an agent of an older version that does not enforce the artifact policy")]
    public void With_a_policy_they_take_no_new_module(bool hasPolicy, bool enforces, string? refusal)
    {
        var pod = new Pod
        {
            Metadata = new() { Name = "base-0", Uid = "uid-base-0" },
            Status = new() { Conditions = [new() { Type = "ContainersReady", Status = Condition.True }] },
        };
        var view = new BaseView
        {
            IsConnected = true,
            LastMessageAt = A.Time,
            State = BaseState.Up,
            Life = new("life", A.Time),
            IsBizKnown = true,
            EnforcesPolicy = enforces,
        };
        var candidate = PodAssessment.Of(new(pod, null, view) { HasArtifactPolicy = hasPolicy }, TimeSpan.FromMinutes(5), A.Time);
        Assert.Equal((refusal, refusal is null), (candidate.Refusal, candidate.EnforcesPolicy));
    }

    [Fact]
    public void Under_a_younger_policy_what_serves_stays_although_its_successor_is_staged()
    {
        var deployment = A.ModuleDeployment(replicas: 2, version: "2.0.0").InForce(UpgradePolicy.UninstallThenInstall);
        var (old, next) = (A.ReplicaSet(A.ModuleDeployment(replicas: 2), goal: 0), A.ReplicaSet(deployment, goal: 2, revision: 2));
        var staged = A.Module(next, 0, "base-1", isAvailable: false, replaces: $"uid-{Name(old, 1)}");
        CandidatePod[] pods =
            [.. Pods(2).Select(pod => pod with { CanFetch = true, Staged = new HashSet<string> { staged.Metadata.Uid! } })];
        var state = State(pods, Group(deployment, (old, [A.Module(old, 0, "base-0"), A.Module(old, 1, "base-1")]), (next, [staged])));
        Assert.Equal([Name(old, 1)], Deleted(state));
        Assert.Empty(Deleted(state with { ArtifactPolicy = new() { RequiresSha256 = true } }));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_serves_there_is_not_removed_for_a_successor_that_cannot_be_installed(bool canFetch)
    {
        var before = A.ModuleDeployment(replicas: 2);
        var deployment = A.ModuleDeployment(replicas: 2, version: "2.0.0").InForce(UpgradePolicy.UninstallThenInstall);
        var (old, next) = (A.ReplicaSet(before, goal: 0), A.ReplicaSet(deployment, goal: 2, revision: 2));
        CandidatePod[] pods = [.. Pods(2).Select(pod => pod with { CanFetch = canFetch, EnforcesPolicy = false })];
        Module[] serving = [A.Module(old, 0, "base-0"), A.Module(old, 1, "base-1")];

        var begun = State(pods, Group(deployment, (old, serving), (next, [])));
        Assert.Contains($"create {Name(next, 0)} on base-1 for {Name(old, 1)}", Steps(begun));
        Assert.Empty(Deleted(begun));

        var refused = A.Module(next, 0, "base-1", isAvailable: false, replaces: $"uid-{Name(old, 1)}");
        Assert.Empty(Deleted(State(pods, Group(deployment, (old, serving), (next, [refused])))));
        pods[1] = pods[1] with { EnforcesPolicy = true, Staged = new HashSet<string> { refused.Metadata.Uid! } };
        Assert.Equal([Name(old, 1)], Deleted(State(pods, Group(deployment, (old, serving), (next, [refused])))));
    }
}
