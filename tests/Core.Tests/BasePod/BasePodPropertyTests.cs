using CsCheck;
using ModuleController.Core.Agents;
using ModuleController.Core.BasePods;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Tests.BasePod;

/// <summary>A small world in which anything happens in any order; <see cref="World.Reconcile"/> checks after every step.</summary>
public sealed class BasePodPropertyTests
{
    private static readonly string[] Names = ["orders", "catalog", "ledger"];

    private static readonly FailureReason[] Failures =
    [
        FailureReason.ArtifactUnreachable, FailureReason.DiskFull, FailureReason.BizStartFailed, FailureReason.MetaspaceFull,
        FailureReason.ArkletUnreachable, FailureReason.SwitchFailed, FailureReason.UninstallFailed,
    ];

    [Fact]
    public void Whatever_happens_the_promises_hold_and_in_the_end_the_pod_is_as_it_should_be() =>
        Gen.Select(Gen.Int[0, 22], Gen.Int[0, 99]).Array[5, 80].Sample(
            steps =>
            {
                var world = Make();
                foreach (var (action, argument) in steps)
                {
                    Step(world, action, argument);
                    Placement(world);
                    world.Reconcile();
                }

                CalmDown(world);
                AssertAsItShouldBe(world);
            },
            iter: 800);

    [Fact]
    public void A_plan_that_was_carried_out_leaves_nothing_to_do_until_something_happens() =>
        Gen.Select(Gen.Int[0, 22], Gen.Int[0, 99]).Array[5, 60].Sample(
            steps =>
            {
                var world = Make();
                foreach (var (action, argument) in steps)
                {
                    Step(world, action, argument);
                    world.Settle(finish: false);
                    Assert.True(world.Reconcile().IsEmpty);
                }
            },
            iter: 400);

    [Fact]
    public void Until_the_time_that_a_plan_names_the_passing_of_time_changes_nothing() =>
        Gen.Select(Gen.Int[0, 22], Gen.Int[0, 99]).Array[5, 60].Sample(
            steps =>
            {
                var world = Make();
                foreach (var (action, argument) in steps)
                {
                    Step(world, action, argument);
                    world.Settle(finish: false);
                    var state = world.State();
                    foreach (var seconds in (double[])[0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900])
                    {
                        var later = world.Now.AddSeconds(seconds);
                        if (later < (world.Last.RequeueAt ?? DateTimeOffset.MaxValue)) Assert.True(
                            BasePodPlanner.Plan(state, later).IsEmpty, $"after {seconds} s");
                    }
                }
            },
            iter: 400);

    [Fact]
    public void The_order_of_the_input_does_not_matter() =>
        Gen.Select(Gen.Int[0, 22], Gen.Int[0, 99]).Array[5, 40].Sample(
            steps =>
            {
                var world = Make();
                foreach (var (action, argument) in steps)
                {
                    Step(world, action, argument);
                    var state = world.State();
                    var plan = BasePodPlanner.Plan(state, world.Now);
                    var mirrored = BasePodPlanner.Plan(state with { Modules = [.. state.Modules.Reverse()] }, world.Now);
                    Assert.Equal(plan.Command, mirrored.Command);
                    Assert.Equal(plan.Labels, mirrored.Labels);
                    Assert.Equal(plan.Statuses.Select(change => change.Module.Metadata.Uid),
                        mirrored.Statuses.Select(change => change.Module.Metadata.Uid));
                    world.Reconcile();
                }
            },
            iter: 400);

    private static World Make()
    {
        var world = new World();
        world["orders"] = new() { InstallsFirst = true, TrafficDrain = TimeSpan.FromSeconds(5) };
        world["catalog"] = new() { TrafficDrain = TimeSpan.FromSeconds(3), Priority = 5 };
        world.Gate = new([World.Required("catalog", onEveryPod: false), World.Required("ledger", onEveryPod: false)],
            TimeSpan.FromSeconds(120));
        return world;
    }

    private static void Step(World world, int action, int argument)
    {
        var (name, now, agent) = (Names[argument % Names.Length], world.Now, world.Agent);
        var living = world.Modules.Values.FirstOrDefault(module => module.Spec.Module.Name == name && !module.Metadata.IsDeleting);
        switch (action)
        {
            case 0 or 1 when living is null:
                world.Add(name, $"{1 + (argument / 3 % 3)}.0.0");
                break;
            case 0 or 1 when !world.Modules.Values.Any(module => module.Spec.Replaces == living!.Metadata.Uid):
                Upgrade(world, living!, argument);
                break;
            case 2 when living is not null:
                world.Delete(living);
                break;
            case 3:
                agent.Disconnect(now);
                break;
            case 4 or 5:
                agent.Connect();
                break;
            case 6:
                agent.Restart(now);
                break;
            case 7 or 8 or 9 or 10:
                agent.Finish(now);
                break;
            case 11:
                agent.Finish(now, Failures[argument % Failures.Length]);
                break;
            case 12 when agent.Running is ModuleCommand.Install or ModuleCommand.Uninstall:
                agent.Hang(now);
                break;
            case 13:
                agent.Refuse(now, FailureReason.Fenced);
                break;
            case 14:
                world.Memory = BasePodMemory.Empty;
                world.AcceptingSince = now;
                agent.Forget();
                break;
            case 15:
                agent.State = argument % 2 == 0 ? BaseState.Hung : BaseState.Down;
                if (world.Pod is not null) world.IsBaseReady = argument % 3 == 0;
                break;
            case 16:
                if (agent.State != BaseState.Up) agent.AnsweringSince = now;
                agent.State = BaseState.Up;
                break;
            case 17:
                if (argument % 2 == 0) world.InEndpoints.Add(name);
                else world.InEndpoints.Remove(name);
                break;
            case 18:
                // Someone meddles with the labels.
                world.SetPod(meta =>
                    meta with { Labels = new Dictionary<string, string>(meta.Labels) { [Labels.Traffic($"stray-{argument}")] = "true" } });
                break;
            case 22:
                // Somebody requires other modules, or older pods fail as well.
                world.Gate = world.Gate! with
                {
                    Required = [.. Names.Where((_, index) => (argument >> index & 1) == 1)
                    .Select(each => World.Required(each, argument >= 64))]
                };
                if (argument % 5 == 0 && !world.FailingOnOlderPods.Add(name)) world.FailingOnOlderPods.Remove(name);
                break;
            case 19 when agent.Biz.Count > 0 && agent.Running is null:
                // Someone uninstalls by hand.
                agent.Biz.RemoveAt(argument % agent.Biz.Count);
                break;
            default:
                world.Advance(argument switch { < 40 => 0.5, < 70 => 4, < 90 => 30, _ => 200 });
                break;
        }
    }

    // As Placement does: the replaced one goes at once, or when the new one is Available.
    private static void Upgrade(World world, Module old, int argument)
    {
        if (world.Modules.Values.Count(module => module.Spec.Module.Name == old.Spec.Module.Name) > 1) return;
        var version = $"{1 + (argument / 3 % 3)}.0.0";
        world.Add(old.Spec.Module.Name, version, replaces: old);
        if (!world[old.Spec.Module.Name].InstallsFirst || version == old.Spec.Module.Version) world.Delete(old);
    }

    private static void Placement(World world)
    {
        foreach (var module in world.Modules.Values.ToList())
            if (module.IsAvailable && module.Spec.Replaces is { } uid && world.Modules.TryGetValue(uid, out var old)) world.Delete(old);
    }

    private static void CalmDown(World world)
    {
        var agent = world.Agent;
        agent.Connect();
        if (agent.State != BaseState.Up) agent.AnsweringSince = world.Now;
        agent.State = BaseState.Up;
        world.InEndpoints.Clear();
        world.Gate = world.Gate! with { Required = [.. world.Gate.Required.Select(required => required with { IsOnEveryPod = false })] };
        // What hangs only ends with the life.
        agent.Restart(world.Now);
        for (var round = 0; round < 10; round++)
        {
            world.SettleWithin(400);
            Placement(world);
        }
    }

    private static void AssertAsItShouldBe(World world)
    {
        Assert.True(world.Reconcile().IsEmpty);
        foreach (var module in world.Modules.Values)
        {
            Assert.False(module.Metadata.IsDeleting, $"{module.Metadata.Name} is not gone: {world}");
            var isFinal = module.Status is { Status: ModulePhase.Failed, LastError: { } error }
                && FailureReasons.Parse(error.Reason)?.Class() == FailureClass.User;
            // An upgrade whose new version can't be installed stays as it is, its old version serving.
            Assert.True(module.IsAvailable || isFinal, $"{module.Metadata.Name} is not Available: {world}");
        }

        var wanted = world.Modules.Keys.ToHashSet();
        Assert.All(world.Agent.Biz, biz => Assert.Contains(biz.ModuleUid!, wanted));
        AssertGateIsAsItShouldBe(world);
        var served = world.Modules.Values.Where(module => module.IsAvailable).Select(module => Labels.Traffic(module.Spec.Module.Name))
            .ToHashSet();
        var labels = world.Pod!.Metadata.Labels.Keys.Where(key => key.StartsWith(Labels.TrafficPrefix, StringComparison.Ordinal))
            .ToHashSet();
        Assert.Equal(served.Order(), labels.Order());
    }

    // CheckGate says when it may be open; here, when it has to be, and that a closed one names what is missing.
    private static void AssertGateIsAsItShouldBe(World world)
    {
        var missing = world.Gate!.Required.Select(required => required.Completed.Name)
            .Where(name => world.Modules.Values.Any(module => module.Spec.Module.Name == name)
                && !world.Modules.Values.Any(module => module.IsAvailable && module.Spec.Module.Name == name)).ToList();
        Assert.True(missing.Count > 0 || world.IsGateOpen, $"the gate is closed: {world.GateCondition} {world}");
        if (!world.IsGateOpen) Assert.All(missing, name => Assert.Contains(name, world.GateCondition!.Message, StringComparison.Ordinal));
    }
}
