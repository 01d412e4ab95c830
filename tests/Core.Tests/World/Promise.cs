namespace ModuleController.Core.Tests.World;

/// <summary>What is broken is reported with the world as it was before.</summary>
internal static class Promise
{
    public static void True(bool isTrue, ReleaseView before, string what)
    {
        if (isTrue) return;
        var release = before.Release;
        throw new InvalidOperationException(
            $"{what}\nbefore: {before.Desired} desired, {before.LiveUpdated} + {before.LiveOld} live, {before.UpdatedAvailable} updated "
                + "available, "
            + $"{before.Unplaced} unplaced, goals "
                + $"{string.Join(", ", before.Sets.Select(set => $"{set.ReplicaSet.Spec.Template.Spec.Module.Version}: {set.Goal}"))}\n"
            + $"{release}\n{before.Strategy}");
    }
}
