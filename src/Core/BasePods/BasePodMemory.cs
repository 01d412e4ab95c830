using System.Collections.Immutable;
using ModuleController.Core.Commands;

namespace ModuleController.Core.BasePods;

/// <summary>
/// What is neither in the API nor in the agent's view: when something was first observed. It is lost with the process, and
/// every wait then starts over: it may last longer, never shorter.
/// </summary>
public sealed record BasePodMemory
{
    public static BasePodMemory Empty { get; } = new();

    /// <summary>Since when the view is not current, or the agent gets no commands.</summary>
    public DateTimeOffset? SilentSince { get; init; }

    /// <summary>Since when the agent reports that nothing listens on Arklet's port. If another base life follows, the one before
    /// ended at this time.</summary>
    public DateTimeOffset? DownSince { get; init; }

    /// <summary>Since when the readiness gate is closed without a condition.</summary>
    public DateTimeOffset? GateClosedSince { get; init; }

    /// <summary>When the condition of the readiness gate was last written with what it waits for.</summary>
    public DateTimeOffset? GateReportedAt { get; init; }

    /// <summary>By Module UID; those of orphans too.</summary>
    public ImmutableDictionary<string, ModuleMemory> Modules { get; init; } = ImmutableDictionary<string, ModuleMemory>.Empty;

    /// <summary>By id of a command that was sent or runs: since when.</summary>
    public ImmutableDictionary<string, DateTimeOffset> Commands { get; init; } = ImmutableDictionary<string, DateTimeOffset>.Empty;

    /// <summary>What was reported once and need not be repeated.</summary>
    public ImmutableHashSet<string> Reported { get; init; } = [];

    public ModuleMemory Of(string moduleUid) => Modules.GetValueOrDefault(moduleUid, ModuleMemory.Empty);

    public BasePodMemory WithSent(ModuleCommand command) => command is ModuleCommand.Install install
        ? this with
        {
            Modules = Modules.SetItem(
                install.ModuleUid, Of(install.ModuleUid) with { Installing = CommandId.Parse(install.Id) }),
        }
        : this;
}

/// <summary>When something of one Module was first observed.</summary>
public sealed record ModuleMemory
{
    public static ModuleMemory Empty { get; } = new();

    /// <summary>Since when the cached pod has no label, or another Module of the name serves under it.</summary>
    public DateTimeOffset? UnlabelledSince { get; init; }

    /// <summary>Since when it gets no traffic any more, by the endpoints.</summary>
    public DateTimeOffset? QuietSince { get; init; }

    public DateTimeOffset? OrphanSince { get; init; }

    /// <summary>Since when a hook is being called for it.</summary>
    public DateTimeOffset? InHookSince { get; init; }

    /// <summary>An intermediate state: it is written only when it lasts.</summary>
    public (string Phase, string? Message)? Intermediate { get; init; }

    public DateTimeOffset? IntermediateSince { get; init; }

    /// <summary>The install that was sent: should the base life end under it, the module is a suspect.</summary>
    public CommandId? Installing { get; init; }
}
