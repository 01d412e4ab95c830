using System.Text.Json.Serialization;
using Google.Protobuf.WellKnownTypes;
using ModuleController.Agent.Hooks;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Journal;

/// <summary>One line of the journal. <see cref="JournalState"/> is the result of all lines.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(LifeBegan), "life")]
[JsonDerivedType(typeof(EpochObserved), "epoch")]
[JsonDerivedType(typeof(ControllerAnswered), "controller")]
[JsonDerivedType(typeof(Intended), "intent")]
[JsonDerivedType(typeof(Finished), "result")]
[JsonDerivedType(typeof(Owned), "owned")]
[JsonDerivedType(typeof(Removed), "gone")]
[JsonDerivedType(typeof(Stuck), "stuck")]
[JsonDerivedType(typeof(Staged), "staged")]
public abstract record JournalRecord
{
    private JournalRecord() { }

    /// <summary>
    /// A new base life: results, intents and stuck modules of the previous one are dropped. Interrupted: null where the records before this
    /// one show it; a compacted journal does not have those. EndedAt: when the end of the previous life was observed.
    /// </summary>
    public sealed record LifeBegan(
        string Life, DateTimeOffset StartedAt, IReadOnlyList<string>? Interrupted = null, DateTimeOffset? EndedAt = null) : JournalRecord;

    /// <summary>A controller of this epoch sent a command. Lower epochs are refused from now on.</summary>
    public sealed record EpochObserved(ulong Epoch) : JournalRecord;

    /// <summary>The first Welcome of this base life. From now on the controller replays modules, not the agent.</summary>
    public sealed record ControllerAnswered(DateTimeOffset At) : JournalRecord;

    /// <summary>Written before Arklet is called. Without a <see cref="Finished"/> after it, the outcome is unknown.</summary>
    public sealed record Intended(
        string CommandId, IntentAction Action, string ModuleUid, string Name, string Version, string? Sha256, string? Jar,
        string? WebContextPath, bool Activate, DateTimeOffset At, DateTimeOffset Deadline,
        CommandHooks? Hooks = null, ReplayOrder? Order = null) : JournalRecord
    {
        /// <summary>The command, without what the journal does not record: the source of an install.</summary>
        public Command ToCommand(string life)
        {
            var module = new ModuleRef { ModuleUid = ModuleUid, Name = Name, Version = Version };
            var command = new Command { Id = CommandId, BaseLifeId = life };
            switch (Action)
            {
                case IntentAction.Install:
                    command.Install = new() { Module = module, Source = new(), Activate = Activate };
                    Hooks?.WriteTo(command.Install);
                    Order?.WriteTo(command.Install);
                    break;
                case IntentAction.Uninstall:
                    command.Uninstall = new() { Module = module };
                    Hooks?.WriteTo(command.Uninstall);
                    break;
                default:
                    command.Switch = new() { Module = module };
                    break;
            }

            return command;
        }
    }

    /// <summary>
    /// The result of a command, a serialized CommandResult. Unsettled: the JVM may still carry the command out, so the intent stays, and a
    /// late success can be attributed to it. At: null in journals of older agents.
    /// </summary>
    public sealed record Finished(string CommandId, byte[] Result, bool Unsettled, DateTimeOffset? At = null) : JournalRecord;

    /// <summary>A module was installed, adopted or switched.</summary>
    public sealed record Owned(InstalledModule Module) : JournalRecord;

    /// <summary>A module is not there any more, or not ours any more.</summary>
    public sealed record Removed(string Name, string Version) : JournalRecord;

    /// <summary>A command on this module timed out while it was starting or stopping. Nothing is sent for it in this base life.</summary>
    public sealed record Stuck(string Name, string Version) : JournalRecord;

    /// <summary>The artifact of this Module is on the volume and checked, for a later install.</summary>
    public sealed record Staged(string ModuleUid, string Name, string Version, string Jar) : JournalRecord;
}

/// <summary>What Arklet is called for.</summary>
public enum IntentAction
{
    Install,
    Uninstall,
    Switch,
}

/// <summary>A module that the agent installed or adopted in a base life.</summary>
/// <param name="Jar">Path of the cached jar that it was installed from; null for an adopted one.</param>
/// <param name="Active">Whether it was the active one among the versions of its name.</param>
public sealed record InstalledModule(
    string ModuleUid, string Name, string Version, string Life, string? Sha256, string? Jar, string? WebContextPath,
    DateTimeOffset InstalledAt, TimeSpan Duration, long MetaspaceBytes, bool Active, CommandHooks? Hooks = null, ReplayOrder? Order = null)
{
    /// <summary>
    /// A base life ended during or soon after its install, and no base life has outlasted <see cref="JournalState.SuspectPeriod"/> with it
    /// since.
    /// </summary>
    public bool IsSuspect { get; init; }

    /// <summary>JVM exits while it was the only suspect.</summary>
    public int Exits { get; init; }

    /// <summary>JVM exits while it was one of several suspects.</summary>
    public int SharedExits { get; init; }

    /// <summary>
    /// It must be replayed alone, so that the next JVM exit can be attributed to it. One exit is not enough: it may have been a manual
    /// restart.
    /// </summary>
    public bool MustReplayAlone => IsSuspect && SharedExits > 0 && Exits + SharedExits > 1;
}

/// <summary>The position of a module in a self-replay.</summary>
/// <param name="HasLived">Its revision has run for a minute in some base life, so it is no suspect.</param>
public sealed record ReplayOrder(int Priority, DateTimeOffset? DeploymentCreatedAt, bool HasLived)
{
    public static ReplayOrder None { get; } = new(0, null, false);

    public static ReplayOrder? Of(Command command) => command.ActionCase is Command.ActionOneofCase.Install
        ? new(command.Install.Priority, command.Install.DeploymentCreatedAt?.ToDateTimeOffset(), command.Install.HasLived)
        : null;

    public void WriteTo(Install install) => (install.Priority, install.DeploymentCreatedAt, install.HasLived) =
        (Priority, DeploymentCreatedAt?.ToTimestamp(), HasLived);
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true)]
[JsonSerializable(typeof(JournalRecord))]
internal sealed partial class JournalJson : JsonSerializerContext;
