using System.Runtime.InteropServices;

namespace ModuleController.Dev.Kubelet.Volumes;

/// <summary>
/// A directory whose files change together, as a real kubelet's: they are in a directory of their own, to which the link
/// <c>..data</c> points, and a change replaces this link. Readers find all old files or all new ones.
/// </summary>
internal sealed class VolumeDirectory(string path)
{
    private const string Data = "..data";

    private IReadOnlyDictionary<string, VolumeFile>? _written;

    /// <summary>Makes these the files of the directory; of two with one path the last counts.</summary>
    /// <param name="files">The files, with paths below the directory.</param>
    /// <param name="mode">The permission bits of files without their own.</param>
    public async Task WriteAsync(IEnumerable<VolumeFile> files, int mode, CancellationToken cancellation)
    {
        var next = new SortedDictionary<string, VolumeFile>(StringComparer.Ordinal);
        foreach (var file in files) next[Checked(file.Path)] = file;
        if (_written is { } written && IsSame(written, next)) return;
        Directory.CreateDirectory(path);
        var version = Directory.CreateDirectory(Path.Combine(path, $"..{Guid.NewGuid():N}"));
        foreach (var file in next.Values) await WriteAsync(version.FullName, file, mode, cancellation);
        Point(version.Name);
        Show(next.Keys.Select(name => name.Split('/')[0]).ToHashSet());
        foreach (var other in new DirectoryInfo(path).EnumerateDirectories("..*"))
            if (other.LinkTarget is null && other.Name != version.Name) other.Delete(recursive: true);
        _written = next;
    }

    private static string Checked(string file) => !Path.IsPathRooted(file) && !file.Split('/').Contains("..") ? file
        : throw new ArgumentException($"invalid path \"{file}\": must be relative and not contain '..'");

    private static bool IsSame(IReadOnlyDictionary<string, VolumeFile> written, SortedDictionary<string, VolumeFile> next) =>
        written.Count == next.Count && next.All(one => written.TryGetValue(one.Key, out var file)
            && file.Mode == one.Value.Mode && file.Content.AsSpan().SequenceEqual(one.Value.Content));

    private static async Task WriteAsync(string directory, VolumeFile file, int mode, CancellationToken cancellation)
    {
        var target = Path.Combine(directory, file.Path);
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        await File.WriteAllBytesAsync(target, file.Content, cancellation);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(target, (UnixFileMode)(file.Mode ?? mode));
    }

    /// <summary>Makes a version the current one. Only rename(2) replaces a link in one step.</summary>
    private void Point(string version)
    {
        var (next, current) = (Path.Combine(path, $"{Data}_tmp"), Path.Combine(path, Data));
        File.Delete(next);
        File.CreateSymbolicLink(next, version);
        if (Rename(next, current) != 0)
            throw new IOException($"{current} could not be replaced: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
    }

    /// <summary>Links to the files and directories of the current version.</summary>
    private void Show(HashSet<string> names)
    {
        foreach (var entry in new DirectoryInfo(path).EnumerateFileSystemInfos().ToArray())
            if (!entry.Name.StartsWith("..", StringComparison.Ordinal) && !names.Remove(entry.Name)) entry.Delete();
        foreach (var name in names) File.CreateSymbolicLink(Path.Combine(path, name), Path.Combine(Data, name));
    }

    [DllImport("libc", EntryPoint = "rename", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Rename(
        [MarshalAs(UnmanagedType.LPUTF8Str)] string from, [MarshalAs(UnmanagedType.LPUTF8Str)] string to);
}
