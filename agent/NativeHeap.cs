using System.Runtime.InteropServices;

namespace ModuleController.Agent;

/// <summary>Keeps what is allocated outside the managed heap small: TLS and the runtime's own structures.</summary>
internal static class NativeHeap
{
    private const int ArenaMax = -8;

    /// <summary>
    /// glibc gives each thread an arena of its own, and none is ever given back. One is enough for a process that does one
    /// thing at a time. To be called before there are other threads; without glibc there is nothing to do.
    /// </summary>
    public static void UseOneArena()
    {
        if (!OperatingSystem.IsLinux()) return;
        try
        {
            _ = SetOption(ArenaMax, 1);
        }
        catch (Exception e) when (e is EntryPointNotFoundException or DllNotFoundException)
        {
            // musl: its allocator has no arenas.
        }
    }

    [DllImport("libc", EntryPoint = "mallopt")]
    private static extern int SetOption(int parameter, int value);
}
