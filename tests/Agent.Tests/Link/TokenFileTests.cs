using Microsoft.Extensions.Time.Testing;
using ModuleController.Agent.Link;
using ModuleController.Agent.Tests.EndToEnd;
using ModuleController.Protocol.V1;
using ModuleController.Tests;

namespace ModuleController.Agent.Tests.Link;

/// <summary>The agent's token, which the kubelet renews.</summary>
public sealed class TokenFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly FakeTimeProvider _time = new();
    private readonly List<string> _sent = [];
    private readonly CancellationTokenSource _ending = new();

    private string Path => System.IO.Path.Combine(_folder.Path, "token");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _ending.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Each_new_token_is_sent_once_and_a_missing_file_sends_nothing()
    {
        await File.WriteAllTextAsync(Path, "one\n", Cancellation);
        var file = new TokenFile(Path, _time);
        var following = file.FollowAsync(await file.ReadAsync(Cancellation), Send, _ending.Token);
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Empty(_sent);

        File.Delete(Path);
        _time.Advance(TimeSpan.FromMinutes(1));
        await File.WriteAllTextAsync(Path, "", Cancellation);
        _time.Advance(TimeSpan.FromMinutes(1));
        await File.WriteAllTextAsync(Path, "two\n", Cancellation);
        await SentAsync("two");
        await File.WriteAllTextAsync(Path, "three\n", Cancellation);
        await SentAsync("two", "three");

        await _ending.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => following);
    }

    [Fact]
    public async Task A_renewed_token_is_sent_on_the_open_stream_where_the_controller_accepts_it()
    {
        await File.WriteAllTextAsync(Path, "one\n", Cancellation);
        foreach (var isAccepted in new[] { true, false })
        {
            await using var gateway = await ScriptedGateway.StartAsync(Cancellation);
            gateway.AcceptsCredentials = isAccepted;
            var (options, errors) = AgentOptions.Parse(
                [
                    $"--controller-address={gateway.Address}", "--pod-namespace=default", "--pod-name=base-0", "--pod-uid=uid-0",
                    $"--token-file={Path}", $"--state-dir={_folder.Path}", "--arklet-host=127.77.0.2", "--arklet-port=1",
                ],
                _ => null);
            Assert.Empty(errors);
            using var ending = new CancellationTokenSource();
            var run = AgentRuntime.RunAsync(options, Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance, ending.Token);
            var session = await gateway.AcceptAsync(Cancellation);
            await File.WriteAllTextAsync(Path, $"{isAccepted}", Cancellation);

            if (isAccepted)
            {
                await session.UntilAsync(s => s.Messages.Any(message => message.Credential?.Token == "True"), "the renewed token");
            }
            else
            {
                // An older controller would end the stream for a message that it doesn't know. The agent reads every ten seconds.
                await session.UntilAsync(s => s.Messages.Count(message => message.Heartbeat is not null) >= 12, "twelve seconds");
                Assert.DoesNotContain(session.Messages, message => message.Credential is not null);
            }

            Assert.False(session.HasEnded);
            await ending.CancelAsync();
            await Eventually.Ends(run);
        }
    }

    private void Send(Credential credential)
    {
        lock (_sent) _sent.Add(credential.Token);
    }

    private Task SentAsync(params string[] tokens) => Eventually.True(() =>
    {
        _time.Advance(TimeSpan.FromSeconds(10));
        lock (_sent) return _sent.SequenceEqual(tokens);
    });
}
