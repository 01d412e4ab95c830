using ModuleController.Core.Meta;

namespace ModuleController.Core.Rollouts;

/// <summary>A stop of all releases of a namespace, or of the cluster.</summary>
/// <param name="Scope">In words: <c>namespace shop</c>.</param>
/// <param name="Reason">Empty: the freeze does not count.</param>
public sealed record Freeze(string Scope, string Reason, string? By)
{
    public bool Counts => Reason.Trim().Length > 0;

    public override string ToString() =>
        $"{Scope} is frozen{(By is { Length: > 0 } ? $" by {OperatorText.Within(OperatorText.MaxName, By)}" : "")}: "
        + OperatorText.Within(OperatorText.MaxReason, Reason);
}
