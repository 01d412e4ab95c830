using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using ModuleController.Agent.Arklet;
using ModuleController.Agent.Journal;
using ModuleController.Agent.Observing;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Commands;

/// <summary>
/// Settles what an earlier agent process started and did not answer, for example because it crashed between Arklet's answer and its own
/// journal. Invariants:
/// <list type="bullet">
/// <item>An intent is on the disk before Arklet is called, and the result is written after Arklet answered. So an intent without a result
/// means: Arklet may not have been called, may still be working, or may have answered.</item>
/// <item>Nothing is sent to Arklet a second time. The list of biz decides, read until the JVM answers. An install succeeded if its biz is
/// listed and has started. It failed with code AGENT_RESTARTED if the biz is not listed after <see cref="CommandTools.SettleTime"/>. For
/// an uninstall it is the reverse. A switch is decided by the first list. The next attempt is the controller's decision.</item>
/// <item>A postInstall hook can be called a second time.</item>
/// <item>Recovered commands run before all new ones, in the order of their intents. A repeated id joins the recovered command.</item>
/// <item>An intent of a base life that is over needs no answer: everything that it may have done ended with the JVM.</item>
/// </list>
/// </summary>
internal sealed class CrashRecovery
{
    private readonly ConcurrentQueue<AcceptedCommand> _pending;

    public CrashRecovery(JournalState state, TimeProvider time) => _pending = new(state.Unanswered
        .OrderBy(intent => intent.At)
        .Select(intent => new AcceptedCommand(intent.ToCommand(state.Life!), time.GetTimestamp()) { Recovered = intent }));

    /// <summary>What is still to be recovered, the oldest first.</summary>
    public IReadOnlyCollection<AcceptedCommand> Pending => _pending;

    public bool HasPending => !_pending.IsEmpty;

    public bool TryTake([NotNullWhen(true)] out AcceptedCommand? command) => _pending.TryDequeue(out command);

    /// <summary>Whether the journal still has the intent: a new base life drops the intents of the life before.</summary>
    public static bool IsObsolete(AcceptedCommand command, JournalState state) =>
        command.Recovered is { } intent && !state.Intents.ContainsKey(intent.CommandId);

    /// <summary>Reads the list of biz until it shows what became of the command.</summary>
    public static async Task<Verdict> SettleAsync(CommandContext context, JournalRecord.Intended intent)
    {
        var since = context.Tools.Time.GetTimestamp();
        context.Enter(CommandPhase.Asking);
        while (true)
        {
            var view = await context.ReadBaseUntilAnsweredAsync();
            var present = view.Find(intent.Name, intent.Version);
            var verdict = intent.Action switch
            {
                IntentAction.Install => await InstallAsync(context, intent, view, present, since),
                IntentAction.Uninstall => await UninstallAsync(context, view, present, since),
                _ => Switch(context, present),
            };
            if (verdict is not null) return verdict;
            await context.WaitForNextPollAsync();
        }
    }

    private static async Task<Verdict?> InstallAsync(
        CommandContext context, JournalRecord.Intended intent, BaseView view, ArkletBiz? present, long since) => present switch
        {
            { HasStarted: true } => await new InstallCompletion(context).RunAsync(view, present, intent),
            { IsBroken: true } => Verdict.Broken(context.Name),
            null when context.IsSettled(view, since) => Interrupted($"during the install, and {context.Name} is not installed"),
            _ => null,
        };

    private static async Task<Verdict?> UninstallAsync(CommandContext context, BaseView view, ArkletBiz? present, long since)
    {
        if (present is null) return await new UninstallCommand(context).CompleteAsync("SUCCESS");
        return context.IsSettled(view, since) ? Interrupted($"during the uninstall, and {context.Name} is still installed") : null;
    }

    private static Verdict Interrupted(string what) =>
        Verdict.Failed(Reason.AgentDisconnected, "AGENT_RESTARTED", $"the agent was restarted {what}").Unsettled();

    private static Verdict Switch(CommandContext context, ArkletBiz? present) => present?.State is ArkletBizState.Activated
        ? new SwitchCommand(context).Activated()
        : Verdict.Failed(
            Reason.SwitchFailed, "AGENT_RESTARTED", $"the agent was restarted during the switch, and {context.Name} is not active");
}
