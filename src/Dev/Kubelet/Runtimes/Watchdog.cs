using System.Diagnostics;
using System.Globalization;

namespace ModuleController.Dev.Kubelet.Runtimes;

/// <summary>
/// Ends the processes of containers when this process was killed: a shell reads from a pipe
/// which processes run. When the pipe closes, the shell kills them and their children.
/// </summary>
/// <remarks>
/// The parent-death signal of Linux does not help: its parent is the thread that started the process, and
/// threads of a pool end.
/// </remarks>
internal sealed class Watchdog
{
    private const string Script = """
        trap '' INT TERM HUP
        exec >/dev/null 2>&1
        end() {
          children=$(cat "/proc/$1/task/$1/children")
          kill -9 "$1"
          for child in $children; do end "$child"; done
        }
        living=' '
        while read -r change pid; do
          case $change in
            +) living="$living$pid " ;;
            -) living="${living%% $pid *} ${living#* $pid }" ;;
          esac
        done
        for pid in $living; do end "$pid"; done
        """;

    private readonly Lock _lock = new();
    private readonly HashSet<int> _living = [];
    private Process? _shell;

    /// <summary>The watchdog of all containers of this process.</summary>
    public static Watchdog Shared { get; } = new();

    public void Add(int pid)
    {
        lock (_lock)
        {
            if (_living.Add(pid)) Send('+', pid);
        }
    }

    public void Remove(int pid)
    {
        lock (_lock)
        {
            if (_living.Remove(pid)) Send('-', pid);
        }
    }

    /// <summary>Called under the lock, because the order matters. Writing a line to a pipe does not block.</summary>
    private void Send(char change, int pid)
    {
        try
        {
            if (_shell is not null)
            {
                Write(_shell, change, pid);
                return;
            }
        }
        catch (IOException)
        {
            _shell?.Dispose(); // the shell was ended: start another one
        }

        _shell = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", Script, "watchdog"]) { RedirectStandardInput = true })
            ?? throw new InvalidOperationException("/bin/sh could not be started");
        foreach (var living in _living) Write(_shell, '+', living);
    }

    private static void Write(Process shell, char change, int pid) =>
        shell.StandardInput.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{change} {pid}"));
}
