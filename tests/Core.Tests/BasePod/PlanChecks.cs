using ModuleController.Core.Agents;
using ModuleController.Core.BasePods;
using ModuleController.Core.BasePods.Gates;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;

namespace ModuleController.Core.Tests.BasePod;

/// <summary>What must hold for every plan of a base pod.</summary>
internal sealed class PlanChecks(World world)
{
    private readonly Dictionary<string, DateTimeOffset> _labelGone = [];

    public void TrafficIsCut(string name) => _labelGone[name] = world.Now;

    public void Check(BasePodState state, BasePodPlan plan)
    {
        var again = BasePodPlanner.Plan(state, world.Now);
        Assert.Equal(plan.Command, again.Command);
        Assert.Equal(plan.Labels, again.Labels);
        Assert.Equal(plan.RequeueAt, again.RequeueAt);
        Assert.Equal(plan.Events.Count, again.Events.Count);
        Assert.Equal(plan.Gate, again.Gate);
        CheckGate(plan);
        Assert.Equal(plan.Statuses.Select(change => change.Module.Metadata.Uid),
            again.Statuses.Select(change => change.Module.Metadata.Uid));
        Assert.All(plan.Statuses.Zip(again.Statuses), pair => Assert.True(pair.First.Status.HasContentOf(pair.Second.Status)));
        if (plan.Command is not { } command) return;

        Assert.True(state.View is { IsCurrent: true }, $"{command.Id} to a base whose view is not current");
        if (command.IsBeside) return;
        Assert.All(state.View.Running.Where(running => !world.Agent.Fetching.Exists(fetch => fetch.Id == running.CommandId)),
            running => Assert.True(running.IsInHook && running.ModuleName != command.Name, $"{command.Id} beside {running}"));
        if (command is not ModuleCommand.Uninstall) return;
        var isTakenOver = world.Modules.Values.Any(other => other.Metadata.Uid != command.ModuleUid && !other.Metadata.IsDeleting
            && world.Agent.Biz.Any(biz =>
                biz.ModuleUid == other.Metadata.Uid && biz.Name == command.Name && biz.State == BizState.Activated));
        if (isTakenOver) return;
        Assert.False(world.HasLabel(command.Name), $"{command.Id} while the label is on");
        var drain = world.Modules.TryGetValue(command.ModuleUid, out var module)
            ? world[module.Spec.Module.Name].TrafficDrain
            : TimeSpan.Zero;
        if (_labelGone.TryGetValue(command.Name, out var gone))
        {
            Assert.True(world.Now - gone >= drain, $"{command.Id} {world.Now - gone} after the label went");
            Assert.True(!world.InEndpoints.Contains(command.Name)
                || world.Now - gone >= BasePodTimes.EndpointsLeave, $"{command.Id} while endpoints hold the pod");
        }
    }

    // Within one life never from open to closed; open only where all that is required serves, or could nowhere.
    private void CheckGate(BasePodPlan plan)
    {
        if (plan.Gate is not { } gate) return;
        Assert.NotEqual(world.GateCondition, gate);
        Assert.True(world.Agent.IsConnected, "the gate moved although its agent is silent");
        var isOpenForThisLife = ModulesGate.IsOpenFor(world.GateCondition, world.Agent.Life);
        if (gate.Status == Condition.False)
        {
            Assert.False(isOpenForThisLife, $"the gate was closed in life {world.Agent.Life.Id}, which it had been opened for");
            return;
        }

        Assert.True(ModulesGate.IsOpenFor(gate, world.Agent.Life), $"{gate.Message} does not name life {world.Agent.Life.Id}");
        Assert.True(!isOpenForThisLife || world.GateCondition!.Reason == ModulesGate.OpenedAfterTimeout,
            "the gate was opened twice in one life");
        foreach (var required in world.Gate!.Required)
        {
            var here = world.Modules.Values.Where(module => !module.Metadata.IsDeleting && module.Spec.PodUid == world.Pod!.Metadata.Uid
                && module.Spec.Module.Name == required.Completed.Name).ToList();
            var serves = here.Exists(module =>
                world.Agent.Biz.Exists(biz => biz.ModuleUid == module.Metadata.Uid && biz.State == BizState.Activated));
            if (serves || (here.Count == 0 && !required.IsOnEveryPod)) continue;
            Assert.Equal(ModulesGate.OpenedAfterTimeout, gate.Reason);
            Assert.Contains(plan.Events, item => item is { Module: null, Reason: ModulesGate.OpenedAfterTimeout });
            Assert.True(world.Now - world.GateCondition!.LastTransitionTime >= world.Gate.Timeout, "the gate gave up before its time");
            Assert.True(here.Count > 0
                || required.FailsOnOlderPods, $"the gate was opened although {required.Completed.Name} was not tried");
            Assert.True(
                required.FailsOnOlderPods || world.FailingOnOlderPods.Contains(required.Completed.Name)
                || here.TrueForAll(module => module.Status.LastError?.Reason == nameof(FailureReason.ArtifactUnreachable)
                    || plan.Statuses.Any(change => change.Module == module
                        && change.Status.LastError?.Reason == nameof(FailureReason.ArtifactUnreachable))),
                $"the gate was opened without {required.Completed.Name}: {world}");
        }
    }
}
