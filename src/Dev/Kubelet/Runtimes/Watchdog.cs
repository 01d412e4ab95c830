using System.Diagnostics;
using System.Globalization;

namespace ModuleController.Dev.Kubelet.Runtimes;

/// <summary>
/// Ends the processes of containers when ours has died without a chance to, as by <c>kill -9</c>: a shell reads from a pipe
/// which of them live, and when that closes, however it came about, it ends what is left, with what those have started.
/// </summary>
/// <remarks>
/// The signal that Linux sends at a parent's death won't do: there the parent is the thread that started the process, and
/// threads of a pool come and go.
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

    /// <summary>One for all containers of this process: what it stands by is the life of the process.</summary>
    public static Watchdog Shared { get; } = new();

    public void Add(int pid)
    {
        lock (_lock)
        {
            if (_living.Add(pid)) Tell('+', pid);
        }
    }

    public void Remove(int pid)
    {
        lock (_lock)
        {
            if (_living.Remove(pid)) Tell('-', pid);
        }
    }

    /// <summary>Under the lock, since order counts; a line into a pipe does not wait.</summary>
    private void Tell(char change, int pid)
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
            _shell?.Dispose(); // somebody ended it: another one takes over
        }

        _shell = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", Script, "watchdog"]) { RedirectStandardInput = true })
            ?? throw new InvalidOperationException("/bin/sh could not be started");
        foreach (var living in _living) Write(_shell, '+', living);
    }

    private static void Write(Process shell, char change, int pid) =>
        shell.StandardInput.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{change} {pid}"));
}
