using ModuleController.Core.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;

namespace ModuleController.Core.Injection;

/// <summary>Why a pod of a base has no agent.</summary>
public static class MissingAgent
{
    // It is one of several reasons in a condition.
    private const int MaxReason = 300;

    /// <summary>Null: it has one.</summary>
    /// <param name="exclusion">Why the webhook does not inject into pods of this namespace; null: it does.</param>
    public static string? ReasonOf(Pod pod, string? exclusion)
    {
        if (BaseContainers.HasAgent(pod)) return null;
        if (InjectionStatus.Problem(pod) is { IsInjected: false } status) return OperatorText.Within(MaxReason, status.Text);
        return pod.Metadata.Labels.GetValueOrDefault(InjectionKeys.Inject) switch
        {
            "true" => exclusion ?? "the pod was created before the webhook could inject it",
            "false" => $"the pod has the label {InjectionKeys.Inject}: \"false\"",
            null => exclusion ?? $"the pod does not request it with the label {InjectionKeys.Inject}: \"true\"",
            var other => InjectionSelection.ValueProblem(other),
        };
    }
}

/// <summary>What the injection wrote into the annotation <see cref="InjectionKeys.Status"/> of a pod.</summary>
/// <param name="Text">What could not be done, or will not work.</param>
public sealed record InjectionStatus(bool IsInjected, string Text)
{
    internal const string Injected = "injected";
    internal const string NotInjected = "not injected";

    /// <summary>Null: the pod has the agent without problems, or was not injected here.</summary>
    public static InjectionStatus? Problem(Pod pod) => pod.Metadata.Annotations.GetValueOrDefault(InjectionKeys.Status) switch
    {
        { } status when status.StartsWith($"{Injected}: ", StringComparison.Ordinal) => new(true, status[(Injected.Length + 2)..]),
        { } status when status.StartsWith($"{NotInjected}: ", StringComparison.Ordinal) => new(false, status[(NotInjected.Length + 2)..]),
        _ => null,
    };
}
