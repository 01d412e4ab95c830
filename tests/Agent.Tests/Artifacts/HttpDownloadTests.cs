using System.Net;
using System.Net.Http.Headers;
using Microsoft.Extensions.Logging.Abstractions;
using ModuleController.Agent.Artifacts;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Tests.Artifacts;

/// <summary>One attempt of a download, from a server that is only a handler.</summary>
public sealed class HttpDownloadTests
{
    [Fact]
    public async Task A_TLS_connection_that_is_cut_within_a_frame_is_transient_and_what_arrived_is_kept()
    {
        using var folder = new TemporaryFolder();
        using var server = new CutServer();
        using var http = new HttpClient(server);
        var url = new Uri("https://jars/orders.jar?token=secret");
        var part = new PartFile(folder.Combine("orders.part"), _ => { });

        var download = new HttpDownload(http, new(null, NullLogger.Instance), new(), TimeProvider.System);
        var cut = await Assert.ThrowsAsync<ArtifactException>(
            () => download.RunAsync(url, part, new(new()), TestContext.Current.CancellationToken));

        Assert.Equal((Reason.ArtifactUnreachable, "UNREACHABLE", true), (cut.Reason, cut.Code, cut.IsTransient));
        Assert.Equal($"https://jars/orders.jar: {CutStream.Problem}", cut.Message);
        Assert.Equal((100, "\"1\""), (part.Length, part.Tag?.Tag));
    }

    private sealed class CutServer : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var response = new HttpResponseMessage(HttpStatusCode.OK) { Content = new StreamContent(new CutStream()) };
            response.Content.Headers.ContentLength = 200;
            response.Headers.ETag = new EntityTagHeaderValue("\"1\"");
            return Task.FromResult(response);
        }
    }

    /// <summary>Ends as SslStream does where the other side goes in the middle of a frame: by an exception without a cause.</summary>
    private sealed class CutStream : MemoryStream
    {
        public const string Problem = "Received an unexpected EOF or 0 bytes from the transport stream.";

        public CutStream() : base(new byte[100])
        {
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            await base.ReadAsync(buffer, cancellationToken) is var count and > 0 ? count : throw new IOException(Problem);
    }
}
