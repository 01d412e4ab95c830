namespace ModuleController.Dev.Load.Cleanup;

/// <summary>The timeouts of a cleanup.</summary>
public sealed record CleanupLimits
{
    /// <summary>A step ends when the number of its objects has not fallen for this long.</summary>
    public TimeSpan NoProgress { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>The cleanup ends when the API server has not answered for this long.</summary>
    public TimeSpan Unanswered { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>For all steps, from the first one on.</summary>
    public TimeSpan Total { get; init; } = TimeSpan.FromMinutes(10);
}
