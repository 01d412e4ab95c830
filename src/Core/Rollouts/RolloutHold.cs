using ModuleController.Core.Modules;

namespace ModuleController.Core.Rollouts;

/// <summary>What stops the move between revisions, and only that: replacing, scaling, replay and deletion go on.</summary>
internal sealed record RolloutHold(string Reason, string Message)
{
    /// <summary>Null: nothing does. What was given up for good comes before what somebody may lift.</summary>
    public static RolloutHold? Of(RolloutLook look, ReleaseStatus release, RolloutPolicy policy) =>
        release.Abort is { } abort ? new(abort.Reason, abort.Message)
        : ByHand(look) ?? policy.Hold;

    /// <summary>What somebody may lift. It holds the way back as well.</summary>
    public static RolloutHold? ByHand(RolloutLook look) =>
        look.State.Freeze is { Counts: true } freeze ? new(Reasons.Frozen, freeze.ToString())
        : look.State.Outage is { } outage ? new(Reasons.AgentsVanished, outage.ToString())
        : look.Deployment.IsPaused ? new(Reasons.Paused, "paused")
        : null;
}
