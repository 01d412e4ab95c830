using System.Net.Http.Headers;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Artifacts;

/// <summary>A jar while it is fetched: what earlier attempts have written, and the version of it that the server named.</summary>
/// <param name="checkLength">Throws if it may not be as long.</param>
internal sealed class PartFile(string path, Action<long> checkLength)
{
    /// <summary>A strong tag; null: the server gave none, and the download can't be resumed.</summary>
    public EntityTagHeaderValue? Tag { get; set; }

    public long Length { get; set; }

    public void CheckLength(long? length)
    {
        if (length is { } known) checkLength(known);
    }

    /// <summary>
    /// Appends <paramref name="body"/> after <see cref="Length"/> bytes. <paramref name="received"/> is called for each block.
    /// </summary>
    public async Task AppendAsync(Stream body, Action? received, CancellationToken cancellation)
    {
        await using var file = Open();
        var buffer = new byte[64 * 1024];
        while (await body.ReadAsync(buffer, cancellation) is var count and > 0)
        {
            received?.Invoke();
            CheckLength(Length + count);
            await WriteAsync(file, buffer.AsMemory(0, count), cancellation);
            Length += count;
        }
    }

    private FileStream Open()
    {
        try
        {
            var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read, 1, FileOptions.Asynchronous);
            file.SetLength(Length);
            file.Position = Length;
            return file;
        }
        catch (IOException e)
        {
            throw DiskFull(e);
        }
    }

    private async Task WriteAsync(FileStream file, ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        try
        {
            await file.WriteAsync(bytes, cancellation);
        }
        catch (IOException e)
        {
            throw DiskFull(e);
        }
    }

    // Full, over quota, read-only or removed: every failure to write is the volume's.
    private ArtifactException DiskFull(IOException e) =>
        new(Reason.DiskFull, "DISK_FULL", $"cannot write {Path.GetFileName(path)}: {e.Message}", e);
}
