using ModuleController.Core.Modules;

namespace ModuleController.Core.BasePods;

/// <summary>Compares statuses by what they say.</summary>
public static class ModuleStatuses
{
    // A record compares its lists by reference.
    public static bool AreEqual(ModuleStatus left, ModuleStatus right) =>
        left.Conditions.SequenceEqual(right.Conditions) && left == right with { Conditions = left.Conditions };
}
