using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;

namespace ModuleController.Dev.Controllers;

/// <summary>Empties a namespace that is being deleted, and then removes its finalizer.</summary>
internal sealed partial class Namespaces(RawClient client, TimeProvider time, ILogger<Namespaces> logger)
{
    private const string Path = "/api/v1/namespaces";
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    public async Task RunAsync(CancellationToken cancellation)
    {
        var emptying = new List<Task>();
        try
        {
            var seen = new HashSet<string>();
            await foreach (var (type, item) in client.FollowAsync(Path, time, cancellation))
            {
                if (type is "RESET" or "DELETED") continue;
                var name = item["metadata"]!["name"]!.GetValue<string>();
                var uid = item["metadata"]!["uid"]!.GetValue<string>();
                if (item["metadata"]!["deletionTimestamp"] is null) continue;
                emptying.RemoveAll(task => task.IsCompleted);
                if (seen.Add(uid)) emptying.Add(EmptyAsync(name, uid, cancellation));
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The cluster stops.
        }

        await Task.WhenAll(emptying);
    }

    /// <summary>Retries with backoff until the namespace is deleted.</summary>
    private async Task EmptyAsync(string name, string uid, CancellationToken cancellation)
    {
        try
        {
            for (var pause = FirstPause; ; pause = pause < LongestPause ? pause * 2 : pause)
            {
                try
                {
                    if (await DeleteContentAsync(name, cancellation) && await IsDeletedAsync(name, uid, cancellation)) return;
                }
                catch (HttpRequestException problem)
                {
                    LogRetry(logger, name, problem.Message);
                }

                await Task.Delay(pause, time, cancellation);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The cluster stops.
        }
    }

    /// <summary>Removes the finalizer; false if the namespace has changed in the meantime.</summary>
    private async Task<bool> IsDeletedAsync(string name, string uid, CancellationToken cancellation)
    {
        var current = await client.FindAsync($"{Path}/{name}", cancellation);
        if (current?["metadata"]!["uid"]!.GetValue<string>() != uid) return true;
        current["spec"]!["finalizers"] = new JsonArray();
        await client.PutAsync($"{Path}/{name}/finalize", current, cancellation);
        return false;
    }

    /// <summary>True if the namespace is empty.</summary>
    private async Task<bool> DeleteContentAsync(string ns, CancellationToken cancellation)
    {
        var isEmpty = true;
        foreach (var resource in (await client.DiscoverAsync(cancellation)).Where(resource => resource.IsNamespaced))
        {
            var root = resource.ApiVersion.Contains('/') ? $"/apis/{resource.ApiVersion}" : $"/api/{resource.ApiVersion}";
            var list = await client.FindAsync($"{root}/namespaces/{ns}/{resource.Plural}", cancellation);
            foreach (var item in list?["items"]?.AsArray() ?? [])
            {
                isEmpty = false;
                var meta = item!["metadata"]!;
                if (meta["deletionTimestamp"] is not null) continue;
                await client.DeleteAsync(
                    resource.Path(ns, meta["name"]!.GetValue<string>()), meta["uid"]!.GetValue<string>(), "Background", cancellation);
            }
        }

        return isEmpty;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "namespace {Namespace} is not empty yet: {Problem}")]
    private static partial void LogRetry(ILogger logger, string @namespace, string problem);
}
