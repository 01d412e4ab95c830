using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace ModuleController.Agent.Journal;

/// <summary>How the journal syncs its file and its folder.</summary>
public sealed record JournalSync(Action<SafeFileHandle> File, Action<string> Folder)
{
    public static JournalSync Disk { get; } = new(RandomAccess.FlushToDisk, FolderSync.Flush);
}

/// <summary>Makes a rename durable. .NET has no method to sync a folder.</summary>
internal static class FolderSync
{
    public static void Flush(string folder)
    {
        if (!OperatingSystem.IsLinux()) return;
        var descriptor = Open(Encoding.UTF8.GetBytes(folder + '\0'), 0);
        if (descriptor < 0) throw new IOException($"cannot open the folder {folder}: error {Marshal.GetLastPInvokeError()}");
        var synced = Fsync(descriptor);
        var error = Marshal.GetLastPInvokeError();
        _ = Close(descriptor);
        if (synced != 0) throw new IOException($"cannot sync the folder {folder}: error {error}");
    }

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    private static extern int Open(byte[] path, int flags);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static extern int Fsync(int descriptor);

    [DllImport("libc", EntryPoint = "close")]
    private static extern int Close(int descriptor);
}
