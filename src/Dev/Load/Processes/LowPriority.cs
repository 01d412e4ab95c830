using System.Globalization;
using System.Runtime.InteropServices;

namespace ModuleController.Dev.Load.Processes;

/// <summary>Gives the controller and the API server precedence: in a real cluster bases and agents run on other machines.</summary>
internal static class LowPriority
{
    private const int Thread = 0;   // PRIO_PROCESS, which Linux reads as one thread
    private const int Niceness = 10;

    /// <summary>Applies to the threads of this process, and to later threads and child processes. Linux only.</summary>
    public static void Enter()
    {
        if (!OperatingSystem.IsLinux()) return;
        foreach (var thread in Directory.EnumerateDirectories("/proc/self/task"))
        {
            // Fails for a thread that has ended.
            _ = SetPriority(Thread, uint.Parse(Path.GetFileName(thread), CultureInfo.InvariantCulture), Niceness);
        }
    }

    [DllImport("libc", EntryPoint = "setpriority")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetPriority(int which, uint who, int priority);
}
