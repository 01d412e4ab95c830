using System.Text.Json.Serialization;
using ModuleController.Agent.Hooks;
using ModuleController.Protocol;

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
public abstract record JournalRecord
{
    private JournalRecord() { }

    /// <summary>
    /// A new JVM: answers, intents and stuck modules of the one before are forgotten. Interrupted: null where it follows
    /// from the records before; a compacted journal has no such any more.
    /// </summary>
    public sealed record LifeBegan(string Life, DateTimeOffset StartedAt, IReadOnlyList<string>? Interrupted = null) : JournalRecord;

    /// <summary>A controller of this epoch spoke; lower ones are refused from now on.</summary>
    public sealed record EpochSeen(ulong Epoch) : JournalRecord;

    /// <summary>The first Welcome of this base life: from here on the controller replays, not the agent.</summary>
    public sealed record ControllerAnswered(DateTimeOffset At) : JournalRecord;

    /// <summary>Arklet is about to be called. Without a <see cref="Finished"/> behind it: ask what became of it.</summary>
    public sealed record Intended(
        string CommandId, CommandAction Action, string ModuleUid, string Name, string Version, string? Sha256, string? Jar,
        string? WebContextPath, bool Activate, DateTimeOffset At, DateTimeOffset Deadline,
        CommandHooks? Hooks = null) : JournalRecord;

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
}

/// <summary>A module that we installed or adopted, in the base life in which that happened.</summary>
/// <param name="Jar">Path of the cached jar that it was installed from; null for an adopted one.</param>
/// <param name="Active">Whether it was to be the active one among the versions of its name.</param>
public sealed record InstalledModule(
    string ModuleUid, string Name, string Version, string Life, string? Sha256, string? Jar, string? WebContextPath,
    DateTimeOffset InstalledAt, TimeSpan Duration, long MetaspaceBytes, bool Active, CommandHooks? Hooks = null);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true)]
[JsonSerializable(typeof(JournalRecord))]
internal sealed partial class JournalJson : JsonSerializerContext;
