using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.Core.BasePods;

/// <summary>A Module of which nothing is known now: its base is down or does not answer, or its agent is silent. What was true
/// stays.</summary>
internal sealed class UnknownModule(BasePodFacts pod, ModuleFacts module, ModuleWrites writes)
{
    private readonly ModuleStatus _status = module.Module.Status;

    public ModulePlan Plan()
    {
        if (pod.IsBaseDown && module.Module.IsAvailable)
        {
            var down = $"the base of pod {pod.State.Key} is down";
            // Installed stays: it shows, when the next life begins, whether this one ended too soon after the install.
            return writes.Write(_status with
            {
                Status = ModulePhase.Pending,
                Message = down,
                Conditions = writes.With(writes.With(_status.Conditions, ModuleConditions.Healthy, Condition.False, "BaseDown", down),
                    ModuleConditions.TrafficReady, Condition.False, "BaseDown", down),
            });
        }

        return pod.View is { IsConnected: true } view ? Unanswered(view) : Silent();
    }

    // Connected, but Arklet does not answer: what is installed stays as it was; what waits reports for what.
    private ModulePlan Unanswered(BaseView view)
    {
        if (_status.Conditions.Find(ModuleConditions.AgentConnected) is { Status: not Condition.True }) return writes.Write(_status);
        if (!IsWaiting) return writes.Keep();
        return writes.WriteIfLasting(ModulePhase.Prepare, pod.IsUndecidedBase ? view.Shared!.Message
            : view.State == BaseState.WithoutFigures
            ? $"Arklet on pod {pod.State.Key} answers, but its health says nothing about the JVM, so its base life is unknown"
            : $"waiting for the base of pod {pod.State.Key} to answer");
    }

    private ModulePlan Silent()
    {
        var since = pod.View?.LastMessageAt ?? pod.AcceptingSince;
        var reportedAt = since + BasePodTimes.SilenceToReport;
        if (!pod.HasPassed(reportedAt)) return writes.Keep() with { RequeueAt = reportedAt };
        if (_status.Conditions.Find(ModuleConditions.AgentConnected) is { Status: Condition.Unknown }) return writes.Keep();
        var message = $"the agent of pod {pod.State.Key} has sent no message since {since:HH:mm:ss} UTC";
        return writes.WriteAsUnknown(_status with
        {
            Status = _status.Status ?? ModulePhase.Pending,
            Message = IsWaiting ? message : _status.Message,
            Conditions = writes.With(_status.Conditions, ModuleConditions.AgentConnected, Condition.Unknown,
                nameof(FailureReason.AgentDisconnected), message),
        });
    }

    /// <summary>Its message must name what it waits for now.</summary>
    private bool IsWaiting => _status.IsInitial || _status.Status is ModulePhase.Prepare or ModulePhase.Upgrading;
}
