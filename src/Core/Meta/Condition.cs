namespace ModuleController.Core.Meta;

/// <summary>One condition of an object's status; there is one per type.</summary>
public sealed record Condition
{
    public const string True = "True";
    public const string False = "False";
    public const string Unknown = "Unknown";

    public string Type { get; init => field = value ?? ""; } = "";

    public string Status { get; init => field = value ?? Unknown; } = Unknown;

    public string? Reason { get; init; }

    public string? Message { get; init; }

    public DateTimeOffset? LastTransitionTime { get; init; }

    public long? ObservedGeneration { get; init; }
}

/// <summary>Finds and sets conditions.</summary>
public static class Conditions
{
    public static Condition? Find(this IReadOnlyList<Condition> conditions, string type) =>
        conditions.FirstOrDefault(condition => condition.Type == type);

    public static bool IsTrue(this IReadOnlyList<Condition> conditions, string type) =>
        conditions.Find(type)?.Status == Condition.True;

    /// <summary>Sets one condition; the transition time stays where the status stays.</summary>
    public static IReadOnlyList<Condition> With(this IReadOnlyList<Condition> conditions, Condition wanted, DateTimeOffset now)
    {
        var old = conditions.Find(wanted.Type);
        var stamped = wanted with
        {
            LastTransitionTime = old?.Status == wanted.Status && old.LastTransitionTime is { } since ? since : now,
        };
        return old is null
            ? [.. conditions, stamped]
            : [.. conditions.Select(condition => condition.Type == wanted.Type ? stamped : condition)];
    }

    public static IReadOnlyList<Condition> Without(this IReadOnlyList<Condition> conditions, string type) =>
        conditions.Find(type) is null ? conditions : [.. conditions.Where(condition => condition.Type != type)];
}
