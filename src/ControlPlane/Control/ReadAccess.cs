using System.Collections.Concurrent;
using Grpc.Core;
using ModuleController.ControlPlane.Access;
using ModuleController.ControlPlane.Control.Requests;
using ModuleController.Core.Meta;

namespace ModuleController.ControlPlane.Control;

/// <summary>Lets callers read what kubectl would show them.</summary>
internal sealed class ReadAccess(Permissions permissions)
{
    // One caller does not take all that reviews have.
    private const int Concurrent = 4;

    /// <exception cref="RpcException">PERMISSION_DENIED, or the API server gave no answer.</exception>
    public async Task DemandAsync(Permission permission, ServerCallContext context)
    {
        if (!await AskAsync(permission, context)) throw Denied(permission, context, "");
    }

    /// <summary>Which of the namespaces the caller may list: all by a permission for the cluster, else each by its own.</summary>
    /// <param name="ns">The one that is asked for; null: all.</param>
    /// <exception cref="RpcException">None, or the API server gave no answer.</exception>
    public async Task<Func<string, bool>> ListableAsync(
        ResourceKind kind, string? ns, Func<IEnumerable<string>> present, ServerCallContext context)
    {
        if (ns is not null)
        {
            await DemandAsync(new("list", kind, ns), context);
            return _ => true;
        }

        var everywhere = new Permission("list", kind, Namespace: null);
        if (await AskAsync(everywhere, context)) return _ => true;
        var permitted = new ConcurrentDictionary<string, bool>();
        await Parallel.ForEachAsync(
            present(), new ParallelOptions { MaxDegreeOfParallelism = Concurrent, CancellationToken = context.CancellationToken },
            async (one, _) =>
            {
                if (await AskAsync(new("list", kind, one), context)) permitted[one] = true;
            });
        return permitted.IsEmpty
            ? throw Denied(everywhere, context, ", nor in a namespace that has any")
            : permitted.ContainsKey;
    }

    private async Task<bool> AskAsync(Permission permission, ServerCallContext context)
    {
        var outcome = await permissions.AskAsync(CallerInterceptor.Of(context), permission, context.CancellationToken);
        Refusal.UnlessAsked(outcome);
        return outcome == ReviewOutcome.Yes;
    }

    private static RpcException Denied(Permission permission, ServerCallContext context, string more) => Refusal.Of(
        StatusCode.PermissionDenied, $"user \"{CallerInterceptor.Of(context).User.Username}\" cannot {permission}{more}");
}
