using Microsoft.Extensions.Logging;
using ModuleController.Tests;

namespace ModuleController.Agent.Tests.EndToEnd;

/// <summary>What the log says about a controller that can not be reached.</summary>
public sealed class LinkProblemTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_TLS_failure_reports_its_cause()
    {
        await using var gateway = await ScriptedGateway.StartAsync(Cancellation);   // without TLS
        using var folder = new TemporaryFolder();
        var (options, errors) = AgentOptions.Parse(
            [
                $"--controller-address=https://127.0.0.1:{gateway.Address.Port}", "--pod-namespace=default", "--pod-name=base-0",
                "--pod-uid=uid-0",
                $"--state-dir={folder.Path}", "--arklet-host=127.77.0.2", "--arklet-port=1",
            ],
            _ => null);
        Assert.Empty(errors);
        using var logs = new Logs();
        using var ending = new CancellationTokenSource();
        var run = AgentRuntime.RunAsync(options, logs, ending.Token);

        var ended = "";
        await Eventually.True(() =>
            (ended = logs.Lines.Lines.FirstOrDefault(line => line.StartsWith("stream to", StringComparison.Ordinal)) ?? "").Length > 0);
        await ending.CancelAsync();
        await Eventually.Ends(run);
        Assert.DoesNotContain("inner exception", ended, StringComparison.Ordinal);
        Assert.Contains("The SSL connection could not be established: ", ended, StringComparison.Ordinal);
    }

    private sealed class Logs : ILoggerFactory
    {
        public LogLines Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => Lines;

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("the log is kept here");

        public void Dispose()
        {
        }
    }
}
