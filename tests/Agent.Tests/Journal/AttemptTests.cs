using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using ModuleController.Agent.Arklet;
using ModuleController.Agent.Journal;
using ModuleController.Agent.Link;
using ModuleController.Agent.Observing;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Tests.Journal;

/// <summary>What the journal counts, and which of it a snapshot tells.</summary>
public sealed class AttemptTests : IDisposable
{
    private static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_highest_attempt_is_reported_with_outcome_and_age_also_after_a_restart_and_a_compaction()
    {
        using (var journal = Open())
        {
            journal.Append(
                new JournalRecord.LifeBegan("b-1", Noon), Owned("orders", "m-1"), Failed("m-1/uninstall/b-1/1"),
                Failed("m-1/uninstall/b-1/2"),
                Failed("m-1/uninstall/b-1/10"), Failed("m-1/uninstall/b-1/9"), Failed("m-1/install/b-1/7"), Failed("replay/m-1/b-1"));
        }

        using var again = Open();
        var reported = Assert.Single(Reported(again.State, "orders"));
        Assert.Equal(("m-1/uninstall/b-1/10", Outcome.Failed, Reason.HookFailed), (reported.CommandId, reported.Outcome, reported.Reason));
        Assert.Equal(TimeSpan.FromMinutes(5), reported.AnsweredFor.ToTimeSpan());
        var compacted = again.State.ToRecords().Aggregate(JournalState.Empty, (state, record) => state.Apply(record));
        Assert.Equal(Reported(again.State, "orders"), Reported(compacted, "orders"));
    }

    [Fact]
    public void Uninstalls_that_Arklet_rejected_are_counted_and_no_others_also_after_a_compaction()
    {
        using var journal = Open();
        var rejected = Finished("m-1/uninstall/b-1/2", Outcome.Failed, Reason.UninstallFailed);
        journal.Append(
            new JournalRecord.LifeBegan("b-1", Noon), Owned("orders", "m-1"), Failed("m-1/uninstall/b-1/1"), rejected, rejected,
            Finished("m-1/uninstall/b-1/3", Outcome.Failed, Reason.UninstallFailed) with { Unsettled = true },
            Finished("m-1/uninstall/b-1/4", Outcome.Failed, Reason.UninstallFailed), Failed("m-1/uninstall/b-1/5"));
        Assert.Equal(2u, Assert.Single(Reported(journal.State, "orders")).Rejections);
        var compacted = journal.State.ToRecords().Aggregate(JournalState.Empty, (state, record) => state.Apply(record));
        Assert.Equal(2u, Assert.Single(Reported(compacted, "orders")).Rejections);
    }

    [Fact]
    public void Attempts_that_the_state_of_the_base_settles_are_not_reported()
    {
        using var journal = Open();
        journal.Append(
            new JournalRecord.LifeBegan("b-1", Noon), Owned("orders", "m-1"), Owned("prices", "m-2"),
            Succeeded("m-1/switch/b-1/1"), Failed("m-2/switch/b-1/1"), Succeeded("m-1/adopt/b-1/1"), Failed("m-3/adopt/b-1/1"),
            Succeeded("m-4/uninstall/b-1/1"), Failed("m-5/uninstall/b-1/1"));
        Assert.Equal(
            ["m-2/switch/b-1/1", "m-3/adopt/b-1/1"],
            Reported(journal.State, [Biz("orders"), Biz("prices", ArkletBizState.Deactivated)])
                .Select(attempt => attempt.CommandId).Order());
        // The same after it was asked for another time, and there again: then its number is used up.
        Assert.Contains("m-1/switch/b-1/1", Reported(journal.State, [Biz("orders", ArkletBizState.Deactivated)])
            .Select(attempt => attempt.CommandId));
    }

    [Fact]
    public void Inspections_are_counted_per_source_and_a_success_is_reported_for_an_hour()
    {
        using var journal = Open();
        var (low, high) = (3, 3 + (5 * Limits.InspectionsPerSource));
        journal.Append(
            new JournalRecord.LifeBegan("b-1", Noon), Failed($"rs-1/inspect/b-1/{high}"), Failed($"rs-1/inspect/b-1/{low}"),
            Failed($"rs-1/inspect/b-1/{low + 1}"), Succeeded("rs-2/inspect/b-1/0"));
        Assert.Equal(
            [$"rs-1/inspect/b-1/{high}", $"rs-1/inspect/b-1/{low + 1}", "rs-2/inspect/b-1/0"],
            Reported(journal.State).Select(attempt => attempt.CommandId).Order());
        Assert.DoesNotContain("rs-2", string.Join(' ', Reported(journal.State, [], Noon.AddMinutes(61))), StringComparison.Ordinal);
    }

    [Fact]
    public void Attempts_of_earlier_lives_and_of_dropped_results_are_not_reported()
    {
        using var journal = Open();
        journal.Append(new JournalRecord.LifeBegan("b-1", Noon), Failed("m-1/adopt/b-1/1"), Failed("m-2/adopt/b-0/1"));
        Assert.Equal("m-1/adopt/b-1/1", Assert.Single(Reported(journal.State)).CommandId);
        for (var number = 0; number < JournalState.MaxResults; number++) journal.Append(Failed($"x-{number}/adopt/b-1/1"));
        Assert.DoesNotContain(journal.State.Attempts.Values, attempt => attempt.Id.ModuleUid == "m-1");
        Assert.Equal(JournalState.MaxResults, journal.State.Attempts.Count);
        journal.Append(new JournalRecord.LifeBegan("b-2", Noon));
        Assert.Empty(journal.State.Attempts);
    }

    [Fact]
    public void A_snapshot_reports_the_newest_attempts_up_to_its_limit()
    {
        var records = Enumerable.Range(0, Limits.Attempts + 10)
            .Select(number => Failed($"m-{number}/adopt/b-1/1") with { At = Noon.AddSeconds(number) });
        var state = records.Aggregate(JournalState.Empty.Apply(new JournalRecord.LifeBegan("b-1", Noon)),
            (state, record) => state.Apply(record));
        var reported = Reported(state);
        Assert.Equal(Limits.Attempts, reported.Count);
        Assert.DoesNotContain(reported, attempt => attempt.CommandId == "m-9/adopt/b-1/1");
        Assert.Contains(reported, attempt => attempt.CommandId == "m-10/adopt/b-1/1");
    }

    [Fact]
    public void Attempts_in_the_journal_of_an_older_agent_have_no_age()
    {
        var state = JournalState.Empty.Apply(new JournalRecord.LifeBegan("b-1", Noon)).Apply(Failed("m-1/adopt/b-1/3") with { At = null });
        Assert.Null(Assert.Single(Reported(state)).AnsweredFor);
    }

    private static List<LastAttempt> Reported(JournalState state, params IReadOnlyList<string> listed) =>
        Reported(state, [.. listed.Select(name => Biz(name))]);

    private static List<LastAttempt> Reported(JournalState state, IReadOnlyList<ArkletBiz> listed, DateTimeOffset? now = null)
    {
        var view = BaseView.Unknown with
        {
            State = BaseState.Up,
            Life = new("b-1", Noon),
            Modules = [.. listed],
            ObservedAt = Noon,
        };
        return [.. Snapshots.Build(view, state, [], 1, now ?? Noon.AddMinutes(5)).Attempts];
    }

    private static ArkletBiz Biz(string name, ArkletBizState state = ArkletBizState.Activated) => new(name, "1.0.0", state, "");

    private static JournalRecord.Owned Owned(string name, string uid) =>
        new(new(uid, name, "1.0.0", "b-1", null, null, null, Noon, TimeSpan.Zero, 0, true));

    private static JournalRecord.Finished Failed(string id) => Finished(id, Outcome.Failed, Reason.HookFailed);

    private static JournalRecord.Finished Succeeded(string id) => Finished(id, Outcome.Succeeded, Reason.Unspecified);

    private static JournalRecord.Finished Finished(string id, Outcome outcome, Reason reason) =>
        new(id, new CommandResult { CommandId = id, Outcome = outcome, Reason = reason }.ToByteArray(), false, Noon);

    private CommandJournal Open() => CommandJournal.Open(_folder.Path, NullLogger.Instance);
}
