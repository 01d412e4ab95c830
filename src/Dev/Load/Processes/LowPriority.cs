using System.Globalization;
using System.Runtime.InteropServices;

namespace ModuleController.Dev.Load.Processes;

/// <summary>Lets the controller and the API server have the processors first: bases and agents run on other machines in a real cluster.</summary>
internal static class LowPriority
{
    private const int Thread = 0;   // PRIO_PROCESS, which Linux reads as one thread
    private const int Niceness = 10;

    /// <summary>For the threads of this process and those that they start, so for later child processes too. Linux only.</summary>
    public static void Enter()
    {
        if (!OperatingSystem.IsLinux()) return;
        foreach (var thread in Directory.EnumerateDirectories("/proc/self/task"))
            _ = SetPriority(Thread, uint.Parse(Path.GetFileName(thread), CultureInfo.InvariantCulture), Niceness);   // one that has ended meanwhile is refused
    }

    [DllImport("libc", EntryPoint = "setpriority")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetPriority(int which, uint who, int priority);
}
