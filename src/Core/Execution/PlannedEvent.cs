namespace ModuleController.Core.Execution;

/// <summary>An Event about the planned object.</summary>
public sealed record PlannedEvent(string Reason, string Message, bool IsWarning = false)
{
    public EventTime Time { get; init; } = EventTime.StatusWritten;
}

/// <summary>When a planned Event is recorded.</summary>
public enum EventTime
{
    /// <summary>After the status is written: with that status, the next reconcile does not plan the Event again.</summary>
    StatusWritten,

    /// <summary>All steps of the plan are carried out.</summary>
    StepsDone,

    /// <summary>It is planned for the first time since it was not: it is planned for as long as it is true.</summary>
    Begins,
}
