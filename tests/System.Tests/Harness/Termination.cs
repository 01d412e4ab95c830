using System.Runtime.InteropServices;

namespace ModuleController.SystemTests.Harness;

/// <summary>Lets SIGTERM end a test run as Ctrl-C does: the tests are cancelled and clean up, and a second signal ends the
/// process.</summary>
internal static class Termination
{
    private const int Interrupt = 2;

    private static readonly Lazy<PosixSignalRegistration> Registration = new(() =>
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
    {
        signal.Cancel = true;
        _ = SendSignal(Environment.ProcessId, Interrupt);
    }));

    public static void ActAsInterrupt() => _ = Registration.Value;

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SendSignal(int pid, int signal);
}
