using System.Text.Json.Nodes;
using ModuleController.Core.Builtin;
using ModuleController.Kube.Client;

namespace ModuleController.Kube.Hosting;

/// <summary>The requests of a leader election. Each has its own time limit.</summary>
internal sealed class LeaseClient(IKubeClient client, LeaderElectionOptions options, TimeProvider time)
{
    private const string FieldManager = "modulecontroller-leader";
    private static readonly TimeSpan SuccessorPoll = TimeSpan.FromMilliseconds(100);

    public Task<Lease> GetAsync(CancellationToken cancellation) =>
        LimitedAsync("get", limited => client.GetAsync<Lease>(options.Lease, limited), cancellation);

    /// <summary>Null where there is none.</summary>
    public Task<Lease?> FindAsync(CancellationToken cancellation) =>
        LimitedAsync("find", limited => client.FindAsync<Lease>(options.Lease, limited), cancellation);

    /// <summary>Changes the spec of the lease that was observed; a conflict where it has changed since.</summary>
    public Task<Lease> PatchAsync(Lease observed, JsonObject spec, CancellationToken cancellation)
    {
        var patch = new JsonObject
        {
            ["metadata"] = new JsonObject { ["resourceVersion"] = observed.Metadata.ResourceVersion },
            ["spec"] = spec,
        };
        return LimitedAsync("patch", limited => client.PatchAsync<Lease>(options.Lease, patch, new(FieldManager), limited), cancellation);
    }

    public Task<Lease> CreateAsync(long transitions, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        var lease = new Lease
        {
            Metadata = new() { Name = options.Lease.Name, Namespace = options.Lease.Namespace },
            Spec = new()
            {
                HolderIdentity = options.Identity.ToString(),
                LeaseDurationSeconds = options.DurationSeconds,
                LeaseTransitions = (int)transitions,
                AcquireTime = now,
                RenewTime = now,
            },
        };
        return LimitedAsync("create", limited => client.CreateAsync(lease, FieldManager, limited), cancellation);
    }

    /// <summary>The lease when another process holds it; null: none did for <see cref="LeaderElectionOptions.SuccessorWait"/>.</summary>
    public async Task<Lease?> AwaitOtherHolderAsync(CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(options.SuccessorWait ?? options.RetryPeriod * 1.25, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            while (true)
            {
                if (await FindAsync(either.Token) is { } lease && LeaderIdentity.Parse(lease.Spec.HolderIdentity) is { } holder
                    && holder != options.Identity)
                    return lease;
                await Task.Delay(SuccessorPoll, time, either.Token);
            }
        }
        catch (OperationCanceledException) when (either.IsCancellationRequested)
        {
            return null;
        }
        catch (KubeException)
        {
            return null;   // without a name, agents find the next leader by themselves
        }
    }

    public static string MicroTime(DateTimeOffset at) =>
        at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Gives an action the time of one request. One that takes longer is a failure like any other, and no cancellation.</summary>
    public async Task<T> LimitedAsync<T>(string what, Func<CancellationToken, Task<T>> action, CancellationToken cancellation)
    {
        using var timeout = new CancellationTokenSource(options.RequestTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellation);
        try
        {
            return await action(either.Token);
        }
        catch (OperationCanceledException exception) when (timeout.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            throw new KubeException(
                new(0, KubeError.TimedOut, $"no answer within {options.RequestTimeout}"), $"{what} lease {options.Lease}", exception);
        }
    }
}
