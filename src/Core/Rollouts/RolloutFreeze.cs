namespace ModuleController.Core.Rollouts;

/// <summary>Nothing moves between revisions in a namespace, or anywhere.</summary>
/// <param name="Scope">As told to the operator: <c>namespace shop</c>.</param>
/// <param name="Reason">Why; empty: nobody said, and then it does not count.</param>
public sealed record RolloutFreeze(string Scope, string Reason, string? By)
{
    public bool Counts => Reason.Trim().Length > 0;

    public override string ToString() =>
        $"{Scope} is frozen{(By is { Length: > 0 } ? $" by {OperatorText.Within(OperatorText.MaxName, By)}" : "")}: "
        + OperatorText.Within(OperatorText.MaxReason, Reason);
}
