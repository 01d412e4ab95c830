namespace ModuleController.Kube.Tests.Recordings;

/// <summary>
/// The cluster answers each recorded request as a real API server did. With RECORD the answers are recorded instead.
/// </summary>
public sealed class RecordingTests(RecordedCluster cluster)
{
    /// <summary>All of them, or those that RECORDINGS names.</summary>
    public static TheoryData<string> Recordings =>
        [.. Directory.GetFiles(Repository.Fixture(""), "*.json").Select(file => Path.GetFileNameWithoutExtension(file))
            .Where(IsChosen).Order()];

    [Theory]
    [MemberData(nameof(Recordings))]
    public async Task Each_request_is_answered_as_recorded(string name)
    {
        var recording = Recording.Load(Repository.Fixture($"{name}.json"));
        cluster.SkipOtherVersions();
        if (cluster.IsDevCluster && KnownDifference.NotServed.TryGetValue(name, out var reason)) Assert.Skip(reason);
        var answers = await new Replay(cluster).RunAsync(recording);
        if (RecordedCluster.RecordTo is { } folder)
        {
            foreach (var (step, answer) in answers) step.Answer = answer;
            (recording with { Path = Path.Combine(folder, $"{name}.json") }).Save();
            return;
        }

        var found = answers.SelectMany(one => Comparison.Of(one.Step.Answer, one.Answer)
            .Select(difference => (Step: one.Step.Name, Difference: difference))).ToArray();
        var known = cluster.IsDevCluster ? KnownDifference.All.Where(entry => entry.Recording == name).ToArray() : [];
        string[] wrong =
        [
            .. found.Where(one => !known.Any(entry => entry.Covers(one.Step, one.Difference.Path)))
                .Select(one => $"{one.Step}: {one.Difference}"),
            .. known.Where(entry => !found.Any(one => entry.Covers(one.Step, one.Difference.Path)))
                .Select(entry => $"no longer differs: {entry}"),
        ];
        Assert.True(wrong is [], string.Join('\n', wrong));
    }

    private static bool IsChosen(string name) =>
        Environment.GetEnvironmentVariable("RECORDINGS") is not { Length: > 0 } only || only.Split(',').Contains(name);
}
