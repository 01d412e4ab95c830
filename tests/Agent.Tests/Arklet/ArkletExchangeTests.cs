using System.Text;
using ModuleController.Agent.Arklet;
using ModuleController.Tests;

namespace ModuleController.Agent.Tests.Arklet;

/// <summary>What became of a request: answered, certainly not sent, or unknown.</summary>
public class ArkletExchangeTests
{
    private const string Success = """{"code":"SUCCESS","data":{"code":"SUCCESS"}}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_refused_connection_is_unreachable_and_not_silence()
    {
        // Of an address where nobody listens, and no connection that goes out can come to have it.
        using var client = new ArkletClient(new ArkletOptions(OwnAddress.Next().ToString(), 1238), TimeProvider.System);

        Assert.Equal(ArkletOutcome.Unreachable, (await client.UninstallAsync("a", "1", Cancellation)).Outcome);
        Assert.Equal(HealthOutcome.ConnectionRefused, (await client.HealthAsync(Cancellation)).Outcome);
        Assert.Null(await client.QueryAllAsync(Cancellation));
    }

    [Fact]
    public async Task A_request_contains_only_what_Arklet_needs()
    {
        await using var arklet = CannedArklet.Saying(Success);
        using var client = arklet.Client();

        await client.InstallAsync("orders", "1.0.0-\"x\"", new Uri("file:///jars/a b.jar"), Cancellation);

        var request = Assert.Single(arklet.Requests);
        Assert.StartsWith("POST /installBiz HTTP/1.1\r\n", request, StringComparison.Ordinal);
        Assert.EndsWith(
            "\r\n\r\n{\"bizName\":\"orders\",\"bizVersion\":\"1.0.0-\\u0022x\\u0022\",\"bizUrl\":\"file:///jars/a%20b.jar\"}",
            request, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_connection_that_is_not_read_is_replaced_by_another()
    {
        await using var arklet = new CannedArklet(number => number < 3 ? null : CannedArklet.Answer(Success));
        using var client = arklet.Client(TimeSpan.FromSeconds(4));

        Assert.Equal(ArkletOutcome.Success, (await client.SwitchAsync("a", "1", Cancellation)).Outcome);
        Assert.Single(arklet.Requests);
    }

    [Fact]
    public async Task A_command_on_connections_that_are_not_read_is_not_sent()
    {
        await using var arklet = new CannedArklet(_ => null);
        using var client = arklet.Client(TimeSpan.FromMilliseconds(50));

        Assert.Equal(ArkletOutcome.Unreachable, (await client.SwitchAsync("a", "1", Cancellation)).Outcome);
        Assert.Equal(HealthOutcome.NoAnswer, (await client.HealthAsync(Cancellation)).Outcome);
    }

    [Fact]
    public async Task A_command_whose_answer_is_lost_is_unknown_and_not_sent_twice()
    {
        await using var arklet = new CannedArklet(_ => []);
        using var client = arklet.Client();

        Assert.Equal(ArkletOutcome.Unknown, (await client.UninstallAsync("a", "1", Cancellation)).Outcome);
        Assert.Single(arklet.Requests);
    }

    [Fact]
    public async Task A_cancelled_command_reports_whether_it_was_sent()
    {
        await using var arklet = new CannedArklet(_ => null);
        using var client = arklet.Client();
        using var soon = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);

        var sending = client.UninstallAsync("a", "1", soon.Token);
        await soon.CancelAsync();

        Assert.Equal(ArkletOutcome.Unreachable, (await sending).Outcome);
        Assert.Equal(ArkletOutcome.Unreachable, (await client.UninstallAsync("a", "1", soon.Token)).Outcome);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.QueryAllAsync(soon.Token));
    }

    [Fact]
    public async Task A_query_tries_again_where_a_command_does_not()
    {
        await using var arklet = new CannedArklet(number => number == 0 ? [] : CannedArklet.Answer("""{"code":"SUCCESS","data":[]}"""));
        using var client = arklet.Client();

        Assert.Empty((await client.QueryAllAsync(Cancellation))!);
        Assert.Equal(2, arklet.Requests.Count);
    }

    [Fact]
    public async Task An_endless_answer_is_cut_off()
    {
        await using var arklet = CannedArklet.Saying($$"""{"code":"SUCCESS","data":["{{new string('x', 6_000_000)}}"]}""");
        using var client = arklet.Client();

        var result = await client.UninstallAsync("a", "1", Cancellation);

        Assert.Equal(ArkletOutcome.Unknown, result.Outcome);
        Assert.Contains("larger than 5000000 bytes", result.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("HTTP/1.1 404 \r\nContent-Length: 2\r\n\r\n{}", ArkletOutcome.Unknown)]
    [InlineData("HTTP/1.1 413 Request Entity Too Large\r\ncontent-length: 0\r\n\r\n", ArkletOutcome.Refused)]
    [InlineData("SSH-2.0-OpenSSH\r\n\r\n", ArkletOutcome.Unknown)]
    public async Task Another_status_than_200_is_no_success(string answer, ArkletOutcome expected)
    {
        await using var arklet = new CannedArklet(_ => Encoding.ASCII.GetBytes(answer));
        using var client = arklet.Client();

        Assert.Equal(expected, (await client.SwitchAsync("a", "1", Cancellation)).Outcome);
        Assert.Null(await client.QueryAllAsync(Cancellation));
    }
}
