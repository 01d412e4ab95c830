using System.Collections.Concurrent;
using System.Net;

namespace ModuleController.SystemTests.Harness;

/// <summary>An artifact repository on an address of its own, which may be down at first.</summary>
internal sealed class ArtifactServer : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly ConcurrentDictionary<string, string> _files = [];
    private readonly ConcurrentDictionary<string, string> _redirects = [];
    private int _requests;

    public ArtifactServer()
    {
        Address = new($"http://{OwnAddress.Next()}:8098/");
        _listener.Prefixes.Add(Address.ToString());
    }

    public Uri Address { get; }

    public int Requests => Volatile.Read(ref _requests);

    /// <summary>Serves the file of a file URL.</summary>
    public string Serve(string fileUrl)
    {
        var path = new Uri(fileUrl).LocalPath;
        var name = Path.GetFileName(path);
        _files[$"/{name}"] = path;
        return new Uri(Address, name).ToString();
    }

    /// <summary>Redirects this name to another url.</summary>
    public string Redirect(string name, string url)
    {
        _redirects[$"/{name}"] = url;
        return new Uri(Address, name).ToString();
    }

    public void Start()
    {
        _listener.Start();
        _ = Task.Run(AnswerAsync);
    }

    public void Dispose() => _listener.Close();

    private async Task AnswerAsync()
    {
        while (_listener.IsListening)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception end) when (end is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            Interlocked.Increment(ref _requests);
            if (_redirects.TryGetValue(context.Request.Url!.AbsolutePath, out var target)) context.Response.Redirect(target);
            else if (_files.TryGetValue(context.Request.Url.AbsolutePath, out var file))
            {
                var bytes = await File.ReadAllBytesAsync(file);
                context.Response.ContentLength64 = bytes.Length;
                await context.Response.OutputStream.WriteAsync(bytes);
            }
            else context.Response.StatusCode = 404;

            context.Response.Close();
        }
    }
}
