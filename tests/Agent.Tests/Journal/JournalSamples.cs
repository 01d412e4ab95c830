using CsCheck;
using Google.Protobuf;
using ModuleController.Agent.Journal;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Tests.Journal;

/// <summary>Records of the journal, and how states are compared.</summary>
internal static class JournalSamples
{
    public static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    public static readonly Gen<JournalRecord[]> Records = Gen.OneOf(
        Gen.Int[1, 3].Select(i => (JournalRecord)new JournalRecord.LifeBegan($"b-{i}", Noon.AddMinutes(i))),
        Gen.ULong[0, 9].Select(epoch => (JournalRecord)new JournalRecord.EpochObserved(epoch)),
        Gen.Int[0, 9].Select(i => (JournalRecord)new JournalRecord.ControllerAnswered(Noon.AddSeconds(i))),
        Gen.Int[0, 5].Select(i => (JournalRecord)Intent($"c{i}", $"m{i % 3}")),
        Gen.Select(Gen.Int[0, 5], Gen.Bool).Select((i, unsettled) => (JournalRecord)Answer($"c{i}", unsettled)),
        Gen.Select(Gen.Int[0, 3], Gen.Int[1, 3]).Select((i, life) => (JournalRecord)new JournalRecord.Owned(Module($"m{i}", $"b-{life}"))),
        Gen.Int[0, 3].Select(i => (JournalRecord)new JournalRecord.Removed($"m{i}", "1.0.0")),
        Gen.Int[0, 3].Select(i => (JournalRecord)new JournalRecord.Staged($"u{i}", $"m{i % 2}", "1.0.0", "/jars/x.jar")),
        Gen.Int[0, 3].Select(i => (JournalRecord)new JournalRecord.Stuck($"m{i}", "1.0.0"))).Array[1, 6];

    /// <summary>By the records that it takes to say it: collections of a record compare by reference.</summary>
    public static void AssertSame(JournalState expected, JournalState actual) =>
        Assert.Equal(expected.ToRecords().Select(Text), actual.ToRecords().Select(Text));

    private static string Text(JournalRecord record) =>
        record is JournalRecord.Finished finished
            ? $"{finished.CommandId} {finished.Unsettled} {Convert.ToHexString(finished.Result)}" : record.ToString();

    public static JournalRecord.Finished Answer(string id, bool unsettled) =>
        new(id, new CommandResult { CommandId = id, Outcome = Outcome.Succeeded }.ToByteArray(), unsettled);

    public static JournalRecord.Intended Intent(string id, string name) => new(
        id, IntentAction.Install, $"uid-{name}", name, "1.0.0", new string('a', 64), "/jars/x.jar", name, true, Noon, Noon.AddMinutes(5));

    public static InstalledModule Module(string name, string life) => new(
        $"uid-{name}", name, "1.0.0", life, new string('a', 64), "/jars/x.jar", name, Noon, TimeSpan.FromSeconds(1), 42, true);
}
