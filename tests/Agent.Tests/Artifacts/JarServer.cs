using System.IO.Compression;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using ModuleController.Tests;

namespace ModuleController.Agent.Tests.Artifacts;

/// <summary>A web server whose paths behave as their names say.</summary>
/// <param name="downloads">The folder into which the client writes what it receives.</param>
internal sealed class JarServer(byte[] jar, string downloads) : IAsyncDisposable
{
    private WebApplication? _server;

    public List<string> Ranges { get; } = [];

    public List<string> Authorizations { get; } = [];

    public int Requests { get; private set; }

    public string Sha256 { get; } = Convert.ToHexStringLower(SHA256.HashData(jar));

    public string Md5 { get; } = Convert.ToHexStringLower(MD5.HashData(jar));

    public string Address => _server!.Urls.First();

    public string Url(string path) => $"{Address}/{path}";

    /// <summary>With the user information that <c>private.jar</c> requires.</summary>
    public string PrivateUrl(string path) => Url(path).Replace("http://", "http://build%20user:p%3Aw%2Fd@", StringComparison.Ordinal);

    public async Task StartAsync(CancellationToken cancellation)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0").ConfigureKestrel(options => options.Limits.MaxRequestLineSize = 16 * 1024);
        var server = builder.Build();
        server.MapGet("/good.jar", () => Results.Bytes(jar));
        server.MapGet("/cut-once.jar", context => CutAsync(context, tagged: true));
        server.MapGet("/cut-untagged.jar", context => CutAsync(context, tagged: false));
        server.MapGet("/busy-twice.jar", () => ++Requests <= 2 ? Results.StatusCode(503) : Results.Bytes(jar));
        server.MapGet("/busy.jar", () => { Requests++; return Results.StatusCode(503); });
        server.MapGet("/silent.jar", async context =>
        {
            Requests++;
            await context.Response.Body.WriteAsync(jar.AsMemory(0, 10));
            await context.Response.Body.FlushAsync();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
        });
        server.MapGet("/moved.jar", () => Results.Redirect("/good.jar"));
        server.MapGet("/moved-to", (string url) => Results.Redirect(url));
        server.MapGet("/compressed.jar", async (HttpContext context, int size) =>
        {
            context.Response.Headers.ContentEncoding = "gzip";
            await using var gzip = new GZipStream(context.Response.Body, CompressionLevel.Fastest);
            await gzip.WriteAsync(new byte[size]);
        });
        server.MapGet("/moved-to-file.jar", () => Results.Redirect("file:///etc/hostname"));
        server.MapGet("/moved-to-https.jar", () => Results.Redirect("https://127.0.0.1/good.jar"));
        server.MapGet("/circle.jar", () => Results.Redirect("/circle.jar"));
        server.MapGet("/huge.jar", () => Results.Bytes(new byte[300_001]));
        server.MapGet("/endless.jar", async context =>
        {
            while (!context.RequestAborted.IsCancellationRequested) await context.Response.Body.WriteAsync(new byte[10_000]);
        });
        server.MapGet("/text.jar", () => Results.Text("this is no jar"));
        server.MapGet("/private.jar", (HttpContext context) =>
            Authorization(context) == "Basic " + Base64("build user:p:w/d") ? Results.Bytes(jar) : Results.StatusCode(401));
        server.MapGet("/private-moved.jar", () => Results.Redirect("/private.jar"));
        server.MapGet("/private-elsewhere.jar",
            (HttpContext context) => Results.Redirect($"http://localhost:{context.Request.Host.Port}/open.jar"));
        server.MapGet("/open.jar", (HttpContext context) => { Authorization(context); return Results.Bytes(jar); });
        server.MapGet("/status/{status:int}", (HttpContext context, int status, string? retry) =>
        {
            Requests++;
            if (retry is not null) context.Response.Headers.RetryAfter = retry;
            return Results.StatusCode(status);
        });
        _server = server;
        await server.StartAsync(cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null) await _server.DisposeAsync();
    }

    private static string Base64(string text) => Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(text));

    private string Authorization(HttpContext context)
    {
        var value = context.Request.Headers.Authorization.ToString();
        Authorizations.Add(value);
        return value;
    }

    /// <summary>The first request gets 50,000 bytes and a cut, the next what it asks for.</summary>
    private async Task CutAsync(HttpContext context, bool tagged)
    {
        var range = context.Request.Headers.Range.ToString();
        Ranges.Add(range);
        if (tagged) context.Response.Headers.ETag = "\"v1\"";
        if (Ranges.Count == 1)
        {
            context.Response.ContentLength = jar.Length;
            await context.Response.Body.WriteAsync(jar.AsMemory(0, 50_000));
            await context.Response.Body.FlushAsync();
            // What the client has not read when the connection is reset is lost to it.
            await Eventually.True(() => Directory.GetFiles(downloads).Any(file => new FileInfo(file).Length > 0));
            context.Abort();
            return;
        }

        var from = range.Length > 0 ? int.Parse(range["bytes=".Length..^1], System.Globalization.CultureInfo.InvariantCulture) : 0;
        if (from > 0)
        {
            context.Response.StatusCode = 206;
            context.Response.Headers.ContentRange = $"bytes {from}-{jar.Length - 1}/{jar.Length}";
        }

        await context.Response.Body.WriteAsync(jar.AsMemory(from));
    }
}
