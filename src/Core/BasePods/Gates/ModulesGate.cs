using ModuleController.Core.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;

namespace ModuleController.Core.BasePods.Gates;

/// <summary>The readiness gate of base pods, and what its condition remembers.</summary>
/// <remarks>
/// The condition's message ends with the base life that it was opened for. So whoever leads next knows it without a second
/// write: within that life the gate stays open, whatever is released.
/// </remarks>
public static class ModulesGate
{
    /// <summary>The condition type that a pod's <c>spec.readinessGates</c> names, to be Ready only with its modules.</summary>
    public const string ConditionType = "koupleless.io/modules-ready";

    public const string ModulesInstalled = "ModulesInstalled";
    public const string WaitingForModules = "WaitingForModules";
    public const string ModulesFailed = "ModulesFailed";

    /// <summary>Open although modules are missing: the cause is not this pod.</summary>
    public const string OpenedAfterTimeout = "OpenedAfterTimeout";

    private const string LifeMark = "; base life ";

    public static bool IsOn(Pod pod)
    {
        foreach (var gate in pod.Spec.ReadinessGates)
            if (gate.ConditionType == ConditionType) return true;
        return false;
    }

    public static Condition? ConditionOf(Pod pod) => pod.Status.Conditions.Find(ConditionType);

    /// <summary>The pod has the gate, and it is not open, for whichever life.</summary>
    public static bool IsClosed(Pod pod) => IsOn(pod) && !pod.Status.Conditions.IsTrue(ConditionType);

    public static bool IsOpenFor(Condition? condition, BaseLife life) =>
        condition is { Status: Condition.True, Message: { } message }
        && message.LastIndexOf(LifeMark, StringComparison.Ordinal) is var at and >= 0 && message[(at + LifeMark.Length)..] == life.Id;

    internal static Condition Open(string reason, string message, BaseLife life) =>
        new() { Type = ConditionType, Status = Condition.True, Reason = reason, Message = message + LifeMark + life.Id };

    internal static Condition Closed(string reason, string message) =>
        new() { Type = ConditionType, Status = Condition.False, Reason = reason, Message = message };
}
