using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Rollouts;

/// <summary>One of the three states that Flux, Argo CD and <c>kubectl wait</c> tell apart: current, in progress, failed.</summary>
/// <param name="Type">Ready, Reconciling or Stalled.</param>
/// <param name="Reason">Why, in one word.</param>
/// <param name="Message">Why, in a sentence.</param>
public sealed record RolloutReadiness(string Type, string Reason, string Message)
{
    public static RolloutReadiness Ready(string reason, string message) => new(DeploymentConditions.Ready, reason, message);

    public static RolloutReadiness Reconciling(string reason, string message) => new(DeploymentConditions.Reconciling, reason, message);

    public static RolloutReadiness Stalled(string reason, string message) => new(DeploymentConditions.Stalled, reason, message);

    /// <summary>The status of a ModuleDeployment one of whose writes the API server rejected just now. Only its readiness changes: what
    /// else was planned has not happened.</summary>
    public static ModuleDeploymentStatus Rejected(ModuleDeployment deployment, string message, DateTimeOffset now) => deployment.Status with
    {
        Conditions = Stalled(Reasons.WriteRejected, message).On(deployment.Status.Conditions, deployment, now),
    };

    /// <summary>The same, unless a write of this ModuleDeployment is rejected: that comes before all else.</summary>
    public IReadOnlyList<Condition> On(IReadOnlyList<Condition> conditions, RolloutState state, DateTimeOffset now) =>
        (state.RejectedWrite is { } message ? Stalled(Reasons.WriteRejected, message) : this).On(conditions, state.Deployment, now);

    /// <summary>Sets the conditions of kstatus. Ready is always there; Reconciling and Stalled exist only while they are true, and
    /// exactly one of Ready=True, Reconciling and Stalled holds.</summary>
    private IReadOnlyList<Condition> On(IReadOnlyList<Condition> conditions, ModuleDeployment deployment, DateTimeOffset now)
    {
        conditions = Is(conditions, DeploymentConditions.Ready, Type == DeploymentConditions.Ready ? Condition.True : Condition.False);
        foreach (var type in (ReadOnlySpan<string>)[DeploymentConditions.Reconciling, DeploymentConditions.Stalled])
            conditions = type == Type ? Is(conditions, type, Condition.True) : conditions.Without(type);
        return conditions;

        IReadOnlyList<Condition> Is(IReadOnlyList<Condition> before, string type, string status) =>
            before.With(RolloutStatus.ConditionOf(deployment, type, status, Reason, Message), now);
    }
}
