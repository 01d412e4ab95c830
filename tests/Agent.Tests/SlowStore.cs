using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace ModuleController.Agent.Tests;

/// <summary>An HTTP server that lets every request wait until it is released, and then answers with what is not a jar.</summary>
internal sealed class SlowStore : IAsyncDisposable
{
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly WebApplication _server;
    private int _requests;
    private int _waiting;

    private SlowStore()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _server = builder.Build();
        _server.Run(async context =>
        {
            Interlocked.Increment(ref _requests);
            Interlocked.Increment(ref _waiting);
            await _released.Task.WaitAsync(context.RequestAborted);
            Interlocked.Decrement(ref _waiting);
            await context.Response.WriteAsync("not a jar");
        });
    }

    public int Requests => Volatile.Read(ref _requests);

    public int Waiting => Volatile.Read(ref _waiting);

    public static async Task<SlowStore> StartAsync()
    {
        var store = new SlowStore();
        await store._server.StartAsync(TestContext.Current.CancellationToken);
        return store;
    }

    public Uri Url(string name) => new($"{_server.Urls.First()}/{name}.jar");

    public void Release() => _released.TrySetResult();

    public async ValueTask DisposeAsync()
    {
        Release();
        await _server.DisposeAsync();
    }
}
