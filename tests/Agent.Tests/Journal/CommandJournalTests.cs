using CsCheck;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using ModuleController.Agent.Journal;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Tests.Journal;

public sealed class CommandJournalTests : IDisposable
{
    private static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_was_appended_is_there_after_a_reopening()
    {
        using (var journal = Open())
        {
            journal.Append(new JournalRecord.LifeBegan("b-1", Noon), new JournalRecord.EpochSeen(7));
            journal.Append(new JournalRecord.Owned(Module("orders", "b-1")), Answer("c1", unsettled: false));
            journal.Append(Intent("c2", "invoice"));
        }

        using var again = Open();
        Assert.Equal((7UL, "b-1"), (again.State.HighestEpoch, again.State.Life));
        Assert.Equal(Module("orders", "b-1"), again.State.Owner("orders", "1.0.0"));
        Assert.Equal(("c1", true), (again.FindResult("c1")!.CommandId, again.FindResult("c1")!.Repeated));
        Assert.Equal("c2", Assert.Single(again.State.Unanswered).CommandId);
    }

    [Fact]
    public void A_new_life_forgets_answers_and_intents_and_keeps_what_is_to_be_brought_back()
    {
        using var journal = Open();
        journal.Append(
            new JournalRecord.LifeBegan("b-1", Noon), new JournalRecord.EpochSeen(3), new JournalRecord.Owned(Module("orders", "b-1")),
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
    public void Installs_that_were_under_way_when_a_life_ended_are_known_in_the_next_one_also_after_a_compaction()
    {
        using (var journal = Open())
        {
            journal.Append(
                new JournalRecord.LifeBegan("b-1", Noon), Intent("open", "orders"), Intent("answered", "invoice"), Answer("answered", unsettled: false),
                Intent("timed-out", "slow"), Answer("timed-out", unsettled: true), Intent("down", "poison"),
                new JournalRecord.Finished("down", new CommandResult { CommandId = "down", Code = JournalState.BaseDown }.ToByteArray(), Unsettled: true),
                new JournalRecord.LifeBegan("b-2", Noon.AddMinutes(1)));
            Assert.Equal(["down", "open"], journal.State.Interrupted.Order());
        }

        using (var again = Open())
        {
            Assert.Equal(["down", "open"], again.State.Interrupted.Order());
            Assert.Equal(["down", "open"], again.State.ToRecords().Aggregate(JournalState.Empty, (state, record) => state.Apply(record)).Interrupted.Order());
            // Told to nobody so far: they are not forgotten with the next life, as they are when a controller has heard of them.
            again.Append(new JournalRecord.LifeBegan("b-3", Noon.AddMinutes(2)));
            Assert.Equal(["down", "open"], again.State.Interrupted.Order());
            again.Append(new JournalRecord.ControllerAnswered(Noon.AddMinutes(3)), new JournalRecord.LifeBegan("b-4", Noon.AddMinutes(4)));
            Assert.Empty(again.State.Interrupted);
        }
    }

    [Fact]
    public void What_a_controller_left_out_for_ten_minutes_is_not_brought_back_in_the_life_after()
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
    public void A_cut_at_any_byte_leaves_the_records_that_were_whole_and_the_journal_goes_on() => Records.Sample(
        records =>
        {
            using var folder = new TemporaryFolder();
            using (var journal = Open(folder.Path)) foreach (var record in records) journal.Append(record);
            var file = folder.Combine("journal");
            var whole = File.ReadAllBytes(file);
            for (var cut = 0; cut <= whole.Length; cut++)
            {
                File.WriteAllBytes(file, whole[..cut]);
                var lines = whole[..cut].Count(b => b == (byte)'\n');
                var expected = records.Take(lines).Append(new JournalRecord.EpochSeen(99));
                using (var journal = Open(folder.Path)) journal.Append(new JournalRecord.EpochSeen(99));
                using var again = Open(folder.Path);
                AssertSame(expected.Aggregate(JournalState.Empty, (state, record) => state.Apply(record)), again.State);
            }
        },
        iter: 3, threads: 1);

    [Fact]
    public void A_changed_byte_costs_the_lines_that_it_is_in_and_no_other() => Gen.Select(Records, Gen.Int[0, 10_000]).Sample(
        (records, at) =>
        {
            using var folder = new TemporaryFolder();
            using (var journal = Open(folder.Path)) foreach (var record in records) journal.Append(record);
            var file = folder.Combine("journal");
            var bytes = File.ReadAllBytes(file);
            var position = at % bytes.Length;
            var line = bytes[..position].Count(b => b == (byte)'\n');
            // Without its end, a line becomes one with the next.
            var lost = bytes[position] == (byte)'\n' ? 2 : 1;
            bytes[position] ^= 0x40;
            File.WriteAllBytes(file, bytes);
            var kept = records.Take(line).Concat(records.Skip(line + lost)).ToList();
            var log = new LogLines();
            using (var again = CommandJournal.Open(folder.Path, log))
            {
                AssertSame(kept.Aggregate(JournalState.Empty, (state, record) => state.Apply(record)), again.State);
                Assert.NotEmpty(log.Lines);
                again.Append(new JournalRecord.EpochSeen(99));
            }

            using var third = Open(folder.Path);
            AssertSame(kept.Append(new JournalRecord.EpochSeen(99)).Aggregate(JournalState.Empty, (state, record) => state.Apply(record)), third.State);
        },
        iter: 30, threads: 1);

    [Fact]
    public void A_folder_that_can_not_be_synced_after_the_rename_loses_nothing_that_was_acknowledged()
    {
        var isFailing = false;
        var sync = JournalSync.Disk with { Folder = folder => { if (isFailing) throw new IOException("no sync"); JournalSync.Disk.Folder(folder); } };
        using (var journal = CommandJournal.Open(_folder.Path, NullLogger.Instance, compactAbove: 2_000, sync))
        {
            journal.Append(new JournalRecord.LifeBegan("b-1", Noon));
            isFailing = true;
            var acknowledged = 0;
            Assert.Throws<IOException>(() =>
            {
                for (; acknowledged < 100; acknowledged++) journal.Append(new JournalRecord.EpochSeen((ulong)acknowledged), new JournalRecord.Owned(Module("orders", "b-1")));
            });
            Assert.True(acknowledged is > 1 and < 100);
            Assert.Equal((ulong)acknowledged - 1, journal.State.HighestEpoch);
            Assert.Throws<IOException>(() => journal.Append(new JournalRecord.EpochSeen(500)));
            isFailing = false;
            journal.Append(new JournalRecord.EpochSeen(1000));
        }

        using var again = Open();
        Assert.Equal((1000UL, "b-1", 1), (again.State.HighestEpoch, again.State.Life, again.State.Modules.Count));
    }

    [Fact]
    public void A_record_that_did_not_reach_the_disk_does_not_count()
    {
        var isFailing = false;
        var sync = JournalSync.Disk with { File = file => { if (isFailing) throw new IOException("no sync"); JournalSync.Disk.File(file); } };
        using (var journal = CommandJournal.Open(_folder.Path, NullLogger.Instance, sync: sync))
        {
            journal.Append(new JournalRecord.EpochSeen(1));
            isFailing = true;
            Assert.Throws<IOException>(() => journal.Append(new JournalRecord.EpochSeen(2)));
            Assert.Equal(1UL, journal.State.HighestEpoch);
            isFailing = false;
            journal.Append(new JournalRecord.LifeBegan("b-1", Noon));
        }

        using var again = Open();
        Assert.Equal((1UL, "b-1"), (again.State.HighestEpoch, again.State.Life));
    }

    [Fact]
    public void A_compaction_changes_nothing_but_the_size() => Records.Sample(
        records =>
        {
            using var folder = new TemporaryFolder();
            var expected = JournalState.Empty;
            using (var journal = CommandJournal.Open(folder.Path, NullLogger.Instance, compactAbove: 500))
            {
                foreach (var record in Enumerable.Repeat(records, 20).SelectMany(all => all))
                {
                    journal.Append(record);
                    expected = expected.Apply(record);
                }

                AssertSame(expected, journal.State);
            }

            using var again = Open(folder.Path);
            AssertSame(expected, again.State);
        },
        iter: 5, threads: 1);

    [Fact]
    public void A_large_journal_is_rewritten_in_a_fraction_of_its_size()
    {
        using var journal = CommandJournal.Open(_folder.Path, NullLogger.Instance, compactAbove: 10_000);
        journal.Append(new JournalRecord.LifeBegan("b-1", Noon));
        for (var i = 0; i < 500; i++) journal.Append(new JournalRecord.Owned(Module("orders", "b-1")));
        Assert.True(new FileInfo(_folder.Combine("journal")).Length < 11_000);
        Assert.Single(journal.State.Modules);
    }

    [Fact]
    public void Answers_are_kept_up_to_a_number()
    {
        var state = Enumerable.Range(0, JournalState.MaxResults + 5)
            .Aggregate(JournalState.Empty, (state, i) => state.Apply(Answer($"c{i}", unsettled: false)));
        Assert.Equal(JournalState.MaxResults, state.Results.Count);
        Assert.False(state.Results.ContainsKey("c4"));
        Assert.True(state.Results.ContainsKey("c5"));
    }

    [Fact]
    public void A_base_life_that_ends_soon_after_an_install_makes_suspects_and_what_has_lived_is_none()
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
    public void A_revision_that_has_lived_elsewhere_is_no_suspect()
    {
        var state = JournalState.Empty.Apply(new JournalRecord.LifeBegan("b-1", Noon))
            .Apply(new JournalRecord.Owned(Module("a", "b-1") with { Order = new(0, null, HasLived: true) }))
            .Apply(new JournalRecord.LifeBegan("b-2", Noon.AddSeconds(5)));
        Assert.False(Assert.Single(state.Modules).IsSuspect);
    }

    [Fact]
    public void That_the_metaspace_is_full_is_known_for_the_life_in_which_it_was_found()
    {
        using (var journal = Open())
        {
            journal.Append(new JournalRecord.LifeBegan("b-1", Noon), new JournalRecord.Finished(
                "c1", new CommandResult { CommandId = "c1", Outcome = Outcome.Failed, Reason = Reason.MetaspaceFull }.ToByteArray(), Unsettled: false));
        }

        using var again = Open();
        Assert.True(again.State.IsMetaspaceFull);
        Assert.False(again.State.Apply(new JournalRecord.LifeBegan("b-2", Noon.AddMinutes(1))).IsMetaspaceFull);
    }

    [Fact]
    public void Staged_artifacts_outlast_a_life_until_they_are_installed_and_are_so_many_at_most()
    {
        var state = Enumerable.Range(0, Limits.Staged + 3).Aggregate(JournalState.Empty.Apply(new JournalRecord.LifeBegan("b-1", Noon)),
            (state, i) => state.Apply(new JournalRecord.Staged($"u{i}", $"m{i}", "2.0.0", $"/jars/{i}.jar")));
        Assert.Equal(Limits.Staged, state.StagedArtifacts.Count);
        Assert.Equal("u3", state.StagedArtifacts[0].ModuleUid);
        state = state.Apply(new JournalRecord.Staged("other", "m5", "3.0.0", "/jars/o.jar")).Apply(new JournalRecord.LifeBegan("b-2", Noon.AddMinutes(1)));
        Assert.DoesNotContain(state.StagedArtifacts, staged => staged.ModuleUid == "u5");
        Assert.Contains(state.StagedArtifacts, staged => staged.ModuleUid == "other");
        state = state.Apply(new JournalRecord.Owned(Module("m6", "b-2") with { ModuleUid = "u6" }));
        Assert.DoesNotContain(state.StagedArtifacts, staged => staged.ModuleUid == "u6");
    }

    [Fact]
    public void A_second_agent_is_refused()
    {
        using var journal = Open();
        var refused = Assert.Throws<IOException>(() => Open());
        Assert.Contains("held by another agent", refused.Message, StringComparison.Ordinal);
    }

    private static readonly Gen<JournalRecord[]> Records = Gen.OneOf(
        Gen.Int[1, 3].Select(i => (JournalRecord)new JournalRecord.LifeBegan($"b-{i}", Noon.AddMinutes(i))),
        Gen.ULong[0, 9].Select(epoch => (JournalRecord)new JournalRecord.EpochSeen(epoch)),
        Gen.Int[0, 9].Select(i => (JournalRecord)new JournalRecord.ControllerAnswered(Noon.AddSeconds(i))),
        Gen.Int[0, 5].Select(i => (JournalRecord)Intent($"c{i}", $"m{i % 3}")),
        Gen.Select(Gen.Int[0, 5], Gen.Bool).Select((i, unsettled) => (JournalRecord)Answer($"c{i}", unsettled)),
        Gen.Select(Gen.Int[0, 3], Gen.Int[1, 3]).Select((i, life) => (JournalRecord)new JournalRecord.Owned(Module($"m{i}", $"b-{life}"))),
        Gen.Int[0, 3].Select(i => (JournalRecord)new JournalRecord.Removed($"m{i}", "1.0.0")),
        Gen.Int[0, 3].Select(i => (JournalRecord)new JournalRecord.Staged($"u{i}", $"m{i % 2}", "1.0.0", "/jars/x.jar")),
        Gen.Int[0, 3].Select(i => (JournalRecord)new JournalRecord.Stuck($"m{i}", "1.0.0"))).Array[1, 6];

    /// <summary>By the records that it takes to say it: collections of a record compare by reference.</summary>
    private static void AssertSame(JournalState expected, JournalState actual) =>
        Assert.Equal(expected.ToRecords().Select(Text), actual.ToRecords().Select(Text));

    private static string Text(JournalRecord record) =>
        record is JournalRecord.Finished finished ? $"{finished.CommandId} {finished.Unsettled} {Convert.ToHexString(finished.Result)}" : record.ToString();

    private static JournalRecord.Finished Answer(string id, bool unsettled) =>
        new(id, new CommandResult { CommandId = id, Outcome = Outcome.Succeeded }.ToByteArray(), unsettled);

    private static JournalRecord.Intended Intent(string id, string name) => new(
        id, IntentAction.Install, $"uid-{name}", name, "1.0.0", new string('a', 64), "/jars/x.jar", name, true, Noon, Noon.AddMinutes(5));

    private static InstalledModule Module(string name, string life) => new(
        $"uid-{name}", name, "1.0.0", life, new string('a', 64), "/jars/x.jar", name, Noon, TimeSpan.FromSeconds(1), 42, true);

    private static CommandJournal Open(string folder) => CommandJournal.Open(folder, NullLogger.Instance);

    private CommandJournal Open() => Open(_folder.Path);
}
