using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Text.Json.Serialization.Metadata;
using ModuleController.Core.Meta;

namespace ModuleController.Kube.Client;

/// <summary>Splits the body of a watch into lines and decodes each where it lies in the pipe's buffers.</summary>
/// <remarks>
/// A server ends the watch of a slow reader, so nothing between two events waits: a line is decoded, and the cache takes the object
/// and a note of the change. Handlers run elsewhere.
/// </remarks>
internal static class WatchStream
{
    // The API server takes objects of up to 1.5 MB (etcd's limit); a longer line is no object.
    private const int LongestLine = 8 * 1024 * 1024;

    public static async IAsyncEnumerable<WatchEvent<T>> ReadAsync<T>(
        Stream body, JsonTypeInfo<T> info, [EnumeratorCancellation] CancellationToken cancellation)
        where T : class, IResource
    {
        var pipe = PipeReader.Create(body, new StreamPipeReaderOptions(bufferSize: 16 * 1024, leaveOpen: true));
        try
        {
            while (true)
            {
                var read = await pipe.ReadAsync(cancellation);
                var rest = read.Buffer;
                while (rest.PositionOf((byte)'\n') is { } end)
                {
                    var line = rest.Slice(0, end);
                    rest = rest.Slice(rest.GetPosition(1, end));
                    if (!IsBlank(line)) yield return WatchLine.Read(line, info);
                }

                // A last line without its end was cut off: it counts as not sent.
                if (read.IsCompleted) yield break;
                if (rest.Length > LongestLine) throw new InvalidDataException($"watch of {T.Kind}: a line exceeds {LongestLine} bytes");
                pipe.AdvanceTo(rest.Start, rest.End);
            }
        }
        finally
        {
            await pipe.CompleteAsync();
        }
    }

    private static bool IsBlank(in ReadOnlySequence<byte> line) =>
        line.IsEmpty || (line.Length == 1 && line.FirstSpan[0] == (byte)'\r');
}
