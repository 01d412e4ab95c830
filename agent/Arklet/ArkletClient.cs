using Polly;
using Polly.Retry;

namespace ModuleController.Agent.Arklet;

/// <summary>
/// Arklet's HTTP interface. Commands are sent once, over a connection that the JVM reads. Queries have a timeout and are retried on other
/// connections, which other event loops of the JVM serve.
/// </summary>
public sealed class ArkletClient : IArklet, IDisposable
{
    private readonly ArkletOptions _options;
    private readonly ArkletExchange _exchange;
    private readonly ResiliencePipeline<Exchange> _commands;
    private readonly ResiliencePipeline<Exchange> _queries;
    private readonly SemaphoreSlim _health = new(1);

    public ArkletClient(ArkletOptions options, TimeProvider time)
    {
        _options = options;
        _exchange = new ArkletExchange(options, time);
        _commands = Pipeline(options.CommandConnections, e => e.Outcome is ExchangeOutcome.NotSent);
        _queries = Pipeline(options.QueryConnections, e => e.Outcome is ExchangeOutcome.NotSent or ExchangeOutcome.Lost);

        // No delay between attempts: another loop answers at once, and a timeout has already waited.
        ResiliencePipeline<Exchange> Pipeline(int tries, Func<Exchange, bool> shouldRetry)
        {
            var builder = new ResiliencePipelineBuilder<Exchange> { TimeProvider = time };
            if (tries > 1)
                builder.AddRetry(new RetryStrategyOptions<Exchange>
                {
                    MaxRetryAttempts = tries - 1,
                    Delay = TimeSpan.Zero,
                    ShouldHandle = attempt => ValueTask.FromResult(
                        attempt.Outcome is { Exception: null } outcome && shouldRetry(outcome.Result)
                        && !attempt.Context.CancellationToken.IsCancellationRequested),
                });
            return builder.Build();
        }
    }

    public Task<ArkletResult> InstallAsync(string name, string version, Uri jar, CancellationToken cancellation) =>
        CommandAsync("installBiz", ArkletRequests.Biz(name, version, jar), cancellation);

    public Task<ArkletResult> UninstallAsync(string name, string version, CancellationToken cancellation) =>
        CommandAsync("uninstallBiz", ArkletRequests.Biz(name, version), cancellation);

    public Task<ArkletResult> SwitchAsync(string name, string version, CancellationToken cancellation) =>
        CommandAsync("switchBiz", ArkletRequests.Biz(name, version), cancellation);

    public async Task<IReadOnlyList<ArkletBiz>?> QueryAllAsync(CancellationToken cancellation)
    {
        var exchange = await QueryAsync("queryAllBiz", ArkletRequests.Empty, cancellation);
        return exchange is { Outcome: ExchangeOutcome.Answered, Status: 200 } ? ArkletAnswerReader.ReadAll(exchange.Body) : null;
    }

    public async Task<HealthAnswer> HealthAsync(CancellationToken cancellation)
    {
        await _health.WaitAsync(cancellation);
        try
        {
            var exchange = await QueryAsync("health", ArkletRequests.JvmHealth, cancellation);
            if (exchange is { Outcome: ExchangeOutcome.Answered, Status: 200 } && ArkletAnswerReader.TryReadJvm(exchange.Body, out var jvm))
                return new(HealthOutcome.Answered, jvm, exchange.ArrivedAt);
            return new(exchange.Outcome is ExchangeOutcome.Refused ? HealthOutcome.ConnectionRefused : HealthOutcome.NoAnswer, null, 0);
        }
        finally
        {
            _health.Release();
        }
    }

    public void Dispose() => _health.Dispose();

    private async Task<Exchange> QueryAsync(string command, byte[] body, CancellationToken cancellation)
    {
        var exchange = await _queries.ExecuteAsync(
            async token => await _exchange.SendAsync(command, body, _options.QueryTimeout, token), cancellation);
        if (exchange.Outcome is not ExchangeOutcome.Answered) cancellation.ThrowIfCancellationRequested();
        return exchange;
    }

    private async Task<ArkletResult> CommandAsync(string command, byte[] body, CancellationToken cancellation)
    {
        Exchange exchange;
        try
        {
            exchange = await _commands.ExecuteAsync(
                async token => await _exchange.SendAsync(command, body, Timeout.InfiniteTimeSpan, token), cancellation);
        }
        catch (OperationCanceledException)      // before the first attempt: during one it is an outcome
        {
            exchange = Exchange.Failed(ExchangeOutcome.NotSent, "cancelled before it was sent");
        }

        return exchange switch
        {
            { Outcome: ExchangeOutcome.Answered, Status: 200 } => ArkletAnswerReader.ReadResult(exchange.Body),
            { Outcome: ExchangeOutcome.Answered, Status: 413 } => new(ArkletOutcome.Refused, "413", $"{command}: the request is too large"),
            { Outcome: ExchangeOutcome.Answered } => Failed(ArkletOutcome.Unknown, $"HTTP status {exchange.Status}"),
            { Outcome: ExchangeOutcome.Lost } => Failed(ArkletOutcome.Unknown, exchange.Problem),
            _ => Failed(ArkletOutcome.Unreachable, exchange.Problem),
        };

        ArkletResult Failed(ArkletOutcome outcome, string problem) =>
            new(outcome, "", $"{command} at {_options.Host}:{_options.Port}: {problem}");
    }
}
