using Microsoft.Extensions.Logging;
using ModuleController.Agent.Arklet;
using ModuleController.Agent.Journal;

namespace ModuleController.Agent.Observing;

/// <summary>Compares the journal with the list of biz. Installed is what Arklet lists.</summary>
internal static class Ownership
{
    public static IReadOnlyList<JournalRecord> Reconcile(
        JournalState state, BaseView view, Func<string, string, bool> isBusy, ILogger log)
    {
        var records = new List<JournalRecord>();
        foreach (var module in view.Modules)
        {
            if (!module.HasStarted || isBusy(module.Name, module.Version)) continue;
            if (state.Owner(module.Name, module.Version) is not null) continue;
            // Answered as timed out or unknown, and installed later.
            var intent = state.UnsettledInstall(module.Name, module.Version);
            if (intent is null || !state.Results.ContainsKey(intent.CommandId)) continue;
            // LateInstalls calls its postInstall hook first.
            if (intent.Hooks?.After is not null) continue;
            log.LateSuccess(module.Name, module.Version, intent.ModuleUid);
            records.Add(new JournalRecord.Owned(Installed(intent, view, module)));
        }

        foreach (var owned in state.Modules)
        {
            if (owned.Life != state.Life || isBusy(owned.Name, owned.Version) || view.Find(owned.Name, owned.Version) is not null) continue;
            if (state.Unanswered.Any(intent => intent.Name == owned.Name && intent.Version == owned.Version)) continue;
            log.ModuleVanished(owned.Name, owned.Version, owned.ModuleUid);
            records.Add(new JournalRecord.Removed(owned.Name, owned.Version));
        }

        return records;
    }

    /// <summary>An install whose duration is not known.</summary>
    public static InstalledModule Installed(JournalRecord.Intended intent, BaseView view, ArkletBiz module) => new(
        intent.ModuleUid, intent.Name, intent.Version, view.Life!.Id, intent.Sha256, intent.Jar,
        module.WebContextPath ?? intent.WebContextPath, view.ObservedAt ?? intent.At, TimeSpan.Zero, 0,
        module.State is ArkletBizState.Activated, intent.Hooks, intent.Order);
}
