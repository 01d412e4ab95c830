using System.Runtime.InteropServices;

namespace ModuleController.Agent;

/// <summary>Limits the memory outside the managed heap.</summary>
internal static class NativeHeap
{
    private const int ArenaMax = -8;

    /// <summary>
    /// By default glibc creates an arena for each thread and never frees it. One is enough here. Must be called before other threads exist.
    /// Has no effect without glibc.
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
            // The allocator of musl has no arenas.
        }
    }

    [DllImport("libc", EntryPoint = "mallopt")]
    private static extern int SetOption(int parameter, int value);
}
