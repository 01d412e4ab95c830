using ModuleController.Core.Meta;

namespace ModuleController.Core.Modules.Facts;

/// <summary>Since when a Module serves, and whether that is long enough.</summary>
public static class ModuleReadiness
{
    /// <summary>When this Module was first observed serving: the transition of TrafficReady, written with Available.</summary>
    public static DateTimeOffset? ServingSince(Module module) =>
        !module.IsAvailable ? null
        : module.Status.Conditions.Find(ModuleConditions.TrafficReady)?.LastTransitionTime
            ?? module.Status.LastTransitionTime ?? DateTimeOffset.MinValue;

    /// <summary>It has served for <paramref name="minReady"/>.</summary>
    public static bool IsAvailable(Module module, TimeSpan minReady, DateTimeOffset now) =>
        ServingSince(module) is { } since && (minReady == TimeSpan.Zero || now - since >= minReady);

    /// <summary>When a Module that serves will have served long enough; null: it has, or does not serve.</summary>
    public static DateTimeOffset? AvailableAt(Module module, TimeSpan minReady, DateTimeOffset now) =>
        ServingSince(module) is { } since && minReady > TimeSpan.Zero && now - since < minReady ? since + minReady : null;

    /// <summary>It has served at some time of its life.</summary>
    public static bool WasEverAvailable(Module module) => module.IsAvailable || module.Status.InstalledAt is not null;
}
