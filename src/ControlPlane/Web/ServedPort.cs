using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace ModuleController.ControlPlane.Web;

/// <summary>Which of a server's ports: a feature of connections, and metadata of the endpoints that this port alone serves.</summary>
internal sealed record ServedPort(string Name)
{
    public static readonly ServedPort Http = new("http");
    public static readonly ServedPort Agents = new("agents");
    public static readonly ServedPort Metrics = new("metrics");

    public void Mark(ListenOptions listen) => listen.Use(next => connection =>
    {
        connection.Features.Set(this);
        return next(connection);
    });

    /// <summary>Answers 404 where the endpoint belongs to another port.</summary>
    public static Task RouteAsync(HttpContext context, RequestDelegate next)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<ServedPort>() is not { } port || port == context.Features.Get<ServedPort>())
            return next(context);
        context.Response.StatusCode = StatusCodes.Status404NotFound;
        return Task.CompletedTask;
    }
}
