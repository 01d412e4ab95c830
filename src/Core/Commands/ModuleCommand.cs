using ModuleController.Core.Modules;

namespace ModuleController.Core.Commands;

/// <summary>A command for the agent of one base pod; a closed set. The epoch is added when it is sent.</summary>
/// <param name="Action">One of <see cref="CommandAction"/>.</param>
/// <param name="Attempt">Part of the command's id: the same attempt is never executed twice.</param>
public abstract record ModuleCommand(
    string Action, string ModuleUid, string Name, string Version, string BaseLife, int Attempt, TimeSpan Deadline)
{
    /// <summary>How many commands with hooks a pod may run at a time. They may take hours; others run beside them.</summary>
    public const int MostInHooks = 32;

    /// <summary>How many artifacts an agent keeps for later installs.</summary>
    public const int MostStaged = 32;

    /// <summary>Fetches and inspections don't call Arklet, so they run beside the command that does.</summary>
    public bool IsBeside => this is Fetch or Inspect;

    public bool HasHooks =>
        this is Install { Before: not null } or Install { After: not null } or Uninstall { Before: not null }
        or Uninstall { After: not null };

    /// <summary>Of the namespace, for commands that download.</summary>
    public ArtifactPolicy Policy { get; init; } = ArtifactPolicy.None;

    public string Id => new CommandId(ModuleUid, Action, BaseLife, Attempt).ToString();

    /// <summary>Download, check, install and, with <paramref name="Activate"/>, switch to it where Arklet leaves it deactivated.</summary>
    public sealed record Install(
        string ModuleUid, ModuleSource Source, string BaseLife, int Attempt, TimeSpan Deadline, bool Activate)
        : ModuleCommand(CommandAction.Install, ModuleUid, Source.Name, Source.Version, BaseLife, Attempt, Deadline)
    {
        public HookCall? Before { get; init; }

        public HookCall? After { get; init; }

        public int Priority { get; init; }

        public DateTimeOffset? DeploymentCreatedAt { get; init; }

        /// <summary>This Module was installed on this pod before.</summary>
        public bool IsReplay { get; init; }

        /// <summary>Its revision does not end base lives.</summary>
        public bool HasLived { get; init; }
    }

    public sealed record Uninstall(string ModuleUid, string Name, string Version, string BaseLife, int Attempt, TimeSpan Deadline)
        : ModuleCommand(CommandAction.Uninstall, ModuleUid, Name, Version, BaseLife, Attempt, Deadline)
    {
        public HookCall? Before { get; init; }

        public HookCall? After { get; init; }
    }

    public sealed record Switch(string ModuleUid, string Name, string Version, string BaseLife, int Attempt, TimeSpan Deadline)
        : ModuleCommand(CommandAction.Switch, ModuleUid, Name, Version, BaseLife, Attempt, Deadline);

    /// <summary>Reads a jar's manifest; the UID is the ModuleReplicaSet's.</summary>
    public sealed record Inspect(string ModuleUid, ModuleSource Source, string BaseLife, int Attempt, TimeSpan Deadline)
        : ModuleCommand(CommandAction.Inspect, ModuleUid, Source.Name, Source.Version, BaseLife, Attempt, Deadline);

    /// <summary>Download, check and keep for the install of this Module.</summary>
    public sealed record Fetch(string ModuleUid, ModuleSource Source, string BaseLife, int Attempt, TimeSpan Deadline)
        : ModuleCommand(CommandAction.Fetch, ModuleUid, Source.Name, Source.Version, BaseLife, Attempt, Deadline);

    public sealed record Adopt(string ModuleUid, string Name, string Version, string BaseLife, int Attempt, TimeSpan Deadline)
        : ModuleCommand(CommandAction.Adopt, ModuleUid, Name, Version, BaseLife, Attempt, Deadline);

    public sealed record Disown(string ModuleUid, string Name, string Version, string BaseLife, int Attempt, TimeSpan Deadline)
        : ModuleCommand(CommandAction.Disown, ModuleUid, Name, Version, BaseLife, Attempt, Deadline);
}
