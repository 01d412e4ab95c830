using System.Text.Json.Serialization;
using Google.Protobuf.WellKnownTypes;
using ModuleController.Agent.Hooks;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Journal;

/// <summary>What the journal can say; each record is one line of its file, and the state is what they add up to.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(LifeBegan), "life")]
[JsonDerivedType(typeof(EpochSeen), "epoch")]
[JsonDerivedType(typeof(ControllerAnswered), "controller")]
[JsonDerivedType(typeof(Intended), "intent")]
[JsonDerivedType(typeof(Finished), "result")]
[JsonDerivedType(typeof(Owned), "owned")]
[JsonDerivedType(typeof(Gone), "gone")]
[JsonDerivedType(typeof(Stuck), "stuck")]
[JsonDerivedType(typeof(Staged), "staged")]
public abstract record JournalRecord
{
    private JournalRecord() { }

    /// <summary>
    /// A new JVM: answers, intents and stuck modules of the one before are forgotten. Interrupted: null where it follows
    /// from the records before; a compacted journal has no such any more. EndedAt: when the life before it was seen to be over.
    /// </summary>
    public sealed record LifeBegan(
        string Life, DateTimeOffset StartedAt, IReadOnlyList<string>? Interrupted = null, DateTimeOffset? EndedAt = null) : JournalRecord;

    /// <summary>A controller of this epoch spoke; lower ones are refused from now on.</summary>
    public sealed record EpochSeen(ulong Epoch) : JournalRecord;

    /// <summary>The first Welcome of this base life: from here on the controller replays, not the agent.</summary>
    public sealed record ControllerAnswered(DateTimeOffset At) : JournalRecord;

    /// <summary>Arklet is about to be called. Without a <see cref="Finished"/> behind it: ask what became of it.</summary>
    public sealed record Intended(
        string CommandId, CommandAction Action, string ModuleUid, string Name, string Version, string? Sha256, string? Jar,
        string? WebContextPath, bool Activate, DateTimeOffset At, DateTimeOffset Deadline,
        CommandHooks? Hooks = null, ReplayOrder? Order = null) : JournalRecord
    {
        /// <summary>The command as far as the journal knows it: an install has no source.</summary>
        public Command ToCommand(string life)
        {
            var module = new ModuleRef { ModuleUid = ModuleUid, Name = Name, Version = Version };
            var command = new Command { Id = CommandId, BaseLifeId = life };
            switch (Action)
            {
                case CommandAction.Install:
                    command.Install = new() { Module = module, Source = new(), Activate = Activate };
                    Hooks?.WriteTo(command.Install);
                    Order?.WriteTo(command.Install);
                    break;
                case CommandAction.Uninstall:
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
    /// A command's answer, a serialized CommandResult. Unsettled: the answer was given, but the JVM may still carry the
    /// command out, so the intent stays and a late success is known for what it is. At: null in journals of older agents.
    /// </summary>
    public sealed record Finished(string CommandId, byte[] Result, bool Unsettled, DateTimeOffset? At = null) : JournalRecord;

    /// <summary>A module was installed, adopted or switched: this is what is known of it now.</summary>
    public sealed record Owned(InstalledModule Module) : JournalRecord;

    /// <summary>A module is not there any more, or not ours any more.</summary>
    public sealed record Gone(string Name, string Version) : JournalRecord;

    /// <summary>A command on this module timed out and it has not come to rest: nothing is sent for it in this life.</summary>
    public sealed record Stuck(string Name, string Version) : JournalRecord;

    /// <summary>The artifact of this Module is on the volume, checked, and waits for its install.</summary>
    public sealed record Staged(string ModuleUid, string Name, string Version, string Jar) : JournalRecord;
}

/// <summary>A module that we installed or adopted, in the base life in which that happened.</summary>
/// <param name="Jar">Path of the cached jar that it was installed from; null for an adopted one.</param>
/// <param name="Active">Whether it was to be the active one among the versions of its name.</param>
public sealed record InstalledModule(
    string ModuleUid, string Name, string Version, string Life, string? Sha256, string? Jar, string? WebContextPath,
    DateTimeOffset InstalledAt, TimeSpan Duration, long MetaspaceBytes, bool Active, CommandHooks? Hooks = null, ReplayOrder? Order = null)
{
    /// <summary>A base life ended soon after it was installed, or during that, and it has not lived since.</summary>
    public bool IsSuspect { get; init; }

    /// <summary>The base lives that ended while it was the only suspect.</summary>
    public int Exits { get; init; }

    /// <summary>The base lives that ended while it was one of several suspects.</summary>
    public int SharedExits { get; init; }

    /// <summary>Only alone can the next exit be told to be its own. The first may have been a restart by hand.</summary>
    public bool MustBeAlone => IsSuspect && SharedExits > 0 && Exits + SharedExits > 1;
}

/// <summary>Where a module comes in a replay without a controller.</summary>
/// <param name="HasLived">It does not end base lives.</param>
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
