using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using ModuleController.Agent.Journal;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;
using static ModuleController.Agent.Tests.Journal.JournalSamples;

namespace ModuleController.Agent.Tests.Journal;

public sealed class JournalStateTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_new_life_drops_results_and_intents_and_keeps_modules_for_the_replay()
    {
        using var journal = Open();
        journal.Append(
            new JournalRecord.LifeBegan("b-1", Noon), new JournalRecord.EpochObserved(3), new JournalRecord.Owned(Module("orders", "b-1")),
            Intent("c1", "hangs"), new JournalRecord.Stuck("hangs", "1.0.0"), Answer("c2", unsettled: false));
        journal.Append(new JournalRecord.LifeBegan("b-2", Noon.AddMinutes(1)));

        Assert.Null(journal.FindResult("c2"));
        Assert.Empty(journal.State.Intents);
        Assert.False(journal.State.IsStuck("hangs", "1.0.0"));
        Assert.Null(journal.State.Owner("orders", "1.0.0"));
        Assert.Equal("orders", Assert.Single(journal.State.Modules).Name);
        Assert.Equal(3UL, journal.State.HighestEpoch);
    }

    [Fact]
    public void Interrupted_installs_are_kept_in_the_next_life_also_after_a_compaction()
    {
        using (var journal = Open())
        {
            journal.Append(
                new JournalRecord.LifeBegan("b-1", Noon), Intent("open", "orders"), Intent("answered", "invoice"),
                Answer("answered", unsettled: false),
                Intent("timed-out", "slow"), Answer("timed-out", unsettled: true), Intent("down", "crash"),
                new JournalRecord.Finished("down", new CommandResult { CommandId = "down", Code = JournalState.BaseDown }
                    .ToByteArray(), Unsettled: true),
                new JournalRecord.LifeBegan("b-2", Noon.AddMinutes(1)));
            Assert.Equal(["down", "open"], journal.State.Interrupted.Order());
        }

        using (var again = Open())
        {
            Assert.Equal(["down", "open"], again.State.Interrupted.Order());
            Assert.Equal(["down", "open"], again.State.ToRecords()
                .Aggregate(JournalState.Empty, (state, record) => state.Apply(record)).Interrupted.Order());
            // No controller has them yet. Therefore they are kept beyond the next life, unlike reported ones.
            again.Append(new JournalRecord.LifeBegan("b-3", Noon.AddMinutes(2)));
            Assert.Equal(["down", "open"], again.State.Interrupted.Order());
            again.Append(new JournalRecord.ControllerAnswered(Noon.AddMinutes(3)), new JournalRecord.LifeBegan("b-4", Noon.AddMinutes(4)));
            Assert.Empty(again.State.Interrupted);
        }
    }

    [Fact]
    public void A_module_that_a_controller_did_not_replay_for_ten_minutes_is_dropped_in_the_next_life()
    {
        using var journal = Open();
        journal.Append(
            new JournalRecord.LifeBegan("b-1", Noon), new JournalRecord.Owned(Module("unwanted", "b-1")),
            new JournalRecord.LifeBegan("b-2", Noon.AddMinutes(1)), new JournalRecord.ControllerAnswered(Noon.AddMinutes(2)),
            new JournalRecord.Owned(Module("orders", "b-2")));
        journal.Append(new JournalRecord.LifeBegan("b-3", Noon.AddMinutes(12)));
        Assert.Equal(["orders"], journal.State.Modules.Select(module => module.Name));
    }

    [Fact]
    public void Results_are_kept_up_to_a_limit()
    {
        var state = Enumerable.Range(0, JournalState.MaxResults + 5)
            .Aggregate(JournalState.Empty, (state, i) => state.Apply(Answer($"c{i}", unsettled: false)));
        Assert.Equal(JournalState.MaxResults, state.Results.Count);
        Assert.False(state.Results.ContainsKey("c4"));
        Assert.True(state.Results.ContainsKey("c5"));
    }

    [Fact]
    public void A_JVM_exit_soon_after_an_install_makes_suspects_of_modules_that_have_not_run_for_a_minute()
    {
        var state = JournalState.Empty.Apply(new JournalRecord.LifeBegan("b-1", Noon))
            .Apply(new JournalRecord.Owned(Module("old", "b-1")))
            .Apply(new JournalRecord.Owned(Module("a", "b-1") with { InstalledAt = Noon.AddMinutes(10) }))
            .Apply(new JournalRecord.Owned(Module("b", "b-1") with { InstalledAt = Noon.AddMinutes(10) }));
        // The container was restarted only after a while: what counts is when the life was over.
        state = state.Apply(new JournalRecord.LifeBegan("b-2", Noon.AddMinutes(20), EndedAt: Noon.AddMinutes(10).AddSeconds(30)));
        Assert.Equal([("old", false, 0, 0), ("a", true, 0, 1), ("b", true, 0, 1)], Pasts(state));

        // Brought back, they keep what is known of them; another exit finds one of them alone.
        state = state.Apply(new JournalRecord.Owned(Module("a", "b-2") with { InstalledAt = Noon.AddMinutes(20) }))
            .Apply(Intent("c1", "b")).Apply(new JournalRecord.LifeBegan("b-3", Noon.AddMinutes(30)));
        Assert.Equal([("old", false, 0, 0), ("b", true, 1, 1), ("a", false, 0, 0)], Pasts(state));
        Assert.True(state.Modules[1].MustReplayAlone);
        state = state.Apply(Intent("c2", "b")).Apply(new JournalRecord.LifeBegan("b-4", Noon.AddMinutes(31)));
        Assert.Equal(JournalState.MaxExits, state.Modules[1].Exits);
        AssertSame(state, state.ToRecords().Aggregate(JournalState.Empty, (next, record) => next.Apply(record)));

        static IEnumerable<(string, bool, int, int)> Pasts(JournalState state) =>
            state.Modules.Select(module => (module.Name, module.IsSuspect, module.Exits, module.SharedExits));
    }

    [Fact]
    public void A_revision_that_ran_for_a_minute_elsewhere_is_no_suspect()
    {
        var state = JournalState.Empty.Apply(new JournalRecord.LifeBegan("b-1", Noon))
            .Apply(new JournalRecord.Owned(Module("a", "b-1") with { Order = new(0, null, HasLived: true) }))
            .Apply(new JournalRecord.LifeBegan("b-2", Noon.AddSeconds(5)));
        Assert.False(Assert.Single(state.Modules).IsSuspect);
    }

    [Fact]
    public void A_full_Metaspace_is_recorded_for_its_base_life()
    {
        using (var journal = Open())
        {
            journal.Append(new JournalRecord.LifeBegan("b-1", Noon), new JournalRecord.Finished(
                "c1", new CommandResult { CommandId = "c1", Outcome = Outcome.Failed, Reason = Reason.MetaspaceFull }
                    .ToByteArray(), Unsettled: false));
        }

        using var again = Open();
        Assert.True(again.State.IsMetaspaceFull);
        Assert.False(again.State.Apply(new JournalRecord.LifeBegan("b-2", Noon.AddMinutes(1))).IsMetaspaceFull);
    }

    [Fact]
    public void Staged_artifacts_outlast_a_life_until_they_are_installed_up_to_a_limit()
    {
        var state = Enumerable.Range(0, Limits.Staged + 3).Aggregate(JournalState.Empty.Apply(new JournalRecord.LifeBegan("b-1", Noon)),
            (state, i) => state.Apply(new JournalRecord.Staged($"u{i}", $"m{i}", "2.0.0", $"/jars/{i}.jar")));
        Assert.Equal(Limits.Staged, state.StagedArtifacts.Count);
        Assert.Equal("u3", state.StagedArtifacts[0].ModuleUid);
        state = state.Apply(new JournalRecord.Staged("other", "m5", "3.0.0", "/jars/o.jar"))
            .Apply(new JournalRecord.LifeBegan("b-2", Noon.AddMinutes(1)));
        Assert.DoesNotContain(state.StagedArtifacts, staged => staged.ModuleUid == "u5");
        Assert.Contains(state.StagedArtifacts, staged => staged.ModuleUid == "other");
        state = state.Apply(new JournalRecord.Owned(Module("m6", "b-2") with { ModuleUid = "u6" }));
        Assert.DoesNotContain(state.StagedArtifacts, staged => staged.ModuleUid == "u6");
    }

    private static CommandJournal Open(string folder) => CommandJournal.Open(folder, NullLogger.Instance);

    private CommandJournal Open() => Open(_folder.Path);
}
