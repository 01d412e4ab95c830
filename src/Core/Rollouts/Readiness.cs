using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Rollouts;

/// <summary>One of the three states of kstatus, which Flux, Argo CD and <c>kubectl wait</c> read: current, in progress, failed.</summary>
/// <param name="Type">Ready, Reconciling or Stalled.</param>
public sealed record Readiness(string Type, string Reason, string Message)
{
    public static Readiness Ready(string reason, string message) => new(DeploymentConditions.Ready, reason, message);

    public static Readiness Reconciling(string reason, string message) => new(DeploymentConditions.Reconciling, reason, message);

    public static Readiness Stalled(string reason, string message) => new(DeploymentConditions.Stalled, reason, message);

    /// <summary>The status after a rejected write. Only the readiness changes: nothing else of the plan has happened.</summary>
    public static ModuleDeploymentStatus Rejected(ModuleDeployment deployment, string message, DateTimeOffset now) => deployment.Status with
    {
        Conditions = Stalled(Reasons.WriteRejected, message).On(deployment.Status.Conditions, deployment, now),
    };

    /// <summary>Sets the conditions. A rejected write of this ModuleDeployment comes before all else.</summary>
    public IReadOnlyList<Condition> On(IReadOnlyList<Condition> conditions, RolloutState state, DateTimeOffset now) =>
        (state.RejectedWrite is { } message ? Stalled(Reasons.WriteRejected, message) : this).On(conditions, state.Deployment, now);

    /// <summary>Exactly one of Ready=True, Reconciling and Stalled holds. Ready always exists, the others only while they are
    /// true.</summary>
    private IReadOnlyList<Condition> On(IReadOnlyList<Condition> conditions, ModuleDeployment deployment, DateTimeOffset now)
    {
        conditions = Is(conditions, DeploymentConditions.Ready, Type == DeploymentConditions.Ready ? Condition.True : Condition.False);
        foreach (var type in (ReadOnlySpan<string>)[DeploymentConditions.Reconciling, DeploymentConditions.Stalled])
            conditions = type == Type ? Is(conditions, type, Condition.True) : conditions.Without(type);
        return conditions;

        IReadOnlyList<Condition> Is(IReadOnlyList<Condition> before, string type, string status) =>
            before.With(StatusText.ConditionOf(deployment, type, status, Reason, Message), now);
    }
}
