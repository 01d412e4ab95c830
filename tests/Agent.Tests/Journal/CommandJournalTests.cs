using CsCheck;
using Microsoft.Extensions.Logging.Abstractions;
using ModuleController.Agent.Journal;
using static ModuleController.Agent.Tests.Journal.JournalSamples;

namespace ModuleController.Agent.Tests.Journal;

public sealed class CommandJournalTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Appended_records_are_read_after_reopening()
    {
        using (var journal = Open())
        {
            journal.Append(new JournalRecord.LifeBegan("b-1", Noon), new JournalRecord.EpochObserved(7));
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
    public void A_journal_cut_at_any_byte_keeps_its_complete_records_and_stays_usable() => Records.Sample(
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
                var expected = records.Take(lines).Append(new JournalRecord.EpochObserved(99));
                using (var journal = Open(folder.Path)) journal.Append(new JournalRecord.EpochObserved(99));
                using var again = Open(folder.Path);
                AssertSame(expected.Aggregate(JournalState.Empty, (state, record) => state.Apply(record)), again.State);
            }
        },
        iter: 3, threads: 1);

    [Fact]
    public void A_changed_byte_loses_only_the_lines_that_contain_it() => Gen.Select(Records, Gen.Int[0, 10_000]).Sample(
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
                again.Append(new JournalRecord.EpochObserved(99));
            }

            using var third = Open(folder.Path);
            AssertSame(kept.Append(new JournalRecord.EpochObserved(99))
                .Aggregate(JournalState.Empty, (state, record) => state.Apply(record)), third.State);
        },
        iter: 30, threads: 1);

    [Fact]
    public void A_failed_sync_of_the_folder_after_a_rename_loses_no_acknowledged_record()
    {
        var isFailing = false;
        var sync = JournalSync.Disk with
        {
            Folder = folder =>
            { if (isFailing) throw new IOException("no sync"); JournalSync.Disk.Folder(folder); }
        };
        using (var journal = CommandJournal.Open(_folder.Path, NullLogger.Instance, compactAbove: 2_000, sync))
        {
            journal.Append(new JournalRecord.LifeBegan("b-1", Noon));
            isFailing = true;
            var acknowledged = 0;
            Assert.Throws<IOException>(() =>
            {
                for (; acknowledged < 100; acknowledged++) journal.Append(new JournalRecord.EpochObserved((ulong)acknowledged),
                    new JournalRecord.Owned(Module("orders", "b-1")));
            });
            Assert.True(acknowledged is > 1 and < 100);
            Assert.Equal((ulong)acknowledged - 1, journal.State.HighestEpoch);
            Assert.Throws<IOException>(() => journal.Append(new JournalRecord.EpochObserved(500)));
            isFailing = false;
            journal.Append(new JournalRecord.EpochObserved(1000));
        }

        using var again = Open();
        Assert.Equal((1000UL, "b-1", 1), (again.State.HighestEpoch, again.State.Life, again.State.Modules.Count));
    }

    [Fact]
    public void A_record_that_was_not_synced_does_not_count()
    {
        var isFailing = false;
        var sync = JournalSync.Disk with
        {
            File = file =>
            { if (isFailing) throw new IOException("no sync"); JournalSync.Disk.File(file); }
        };
        using (var journal = CommandJournal.Open(_folder.Path, NullLogger.Instance, sync: sync))
        {
            journal.Append(new JournalRecord.EpochObserved(1));
            isFailing = true;
            Assert.Throws<IOException>(() => journal.Append(new JournalRecord.EpochObserved(2)));
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
    public void A_second_agent_can_not_open_the_journal()
    {
        using var journal = Open();
        var refused = Assert.Throws<IOException>(() => Open());
        Assert.Contains("held by another agent", refused.Message, StringComparison.Ordinal);
    }

    private static CommandJournal Open(string folder) => CommandJournal.Open(folder, NullLogger.Instance);

    private CommandJournal Open() => Open(_folder.Path);
}
