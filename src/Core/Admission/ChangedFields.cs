using ModuleController.Core.Modules.Rules;

namespace ModuleController.Core.Admission;

/// <summary>Which breaches of a written object are its writer's: those of fields that the write changes.</summary>
/// <remarks>An object that was stored before a rule existed can be paused, scaled and corrected field by field.</remarks>
public static class ChangedFields
{
    /// <param name="old">The breaches of the stored object; empty on a create.</param>
    public static IEnumerable<RuleBreach> Breaches(IReadOnlyList<RuleBreach> @new, IReadOnlyList<RuleBreach> old) =>
        @new.Where(breach => !old.Any(stored => stored.Field == breach.Field && IsEqual(stored.Value, breach.Value)));

    private static bool IsEqual(object? one, object? other) => (one, other) switch
    {
        (IReadOnlyDictionary<string, string> a, IReadOnlyDictionary<string, string> b) =>
            a.Count == b.Count && a.All(entry => b.TryGetValue(entry.Key, out var value) && value == entry.Value),
        _ => Equals(one, other),
    };
}
