using System.Diagnostics;
using System.Runtime.InteropServices;
using ModuleController.Dev.Kubelet.Containers;

namespace ModuleController.Dev.Kubelet.Runtimes;

/// <summary>Runs images as processes of this machine, without isolation.</summary>
/// <param name="variables">Variables for the table of images, besides the container's.</param>
public sealed class ProcessRuntime(ImageTable images, IReadOnlyDictionary<string, string>? variables = null) : IContainerRuntime
{
    public IContainer Start(ContainerStart start)
    {
        var entry = images.Find(start.Image);
        var environment = new Dictionary<string, string>(entry.Env);
        foreach (var (name, value) in start.Environment) environment[name] = value;
        var known = new Dictionary<string, string>(variables ?? new Dictionary<string, string>());
        foreach (var (name, value) in environment) known[name] = value;
        IReadOnlyList<string> own = [.. entry.Command.Select(part => Variables.Expand(part, known))];
        IReadOnlyList<string> command = start.Command is [] ? own
            : start.Command[0] == entry.Entrypoint ? [.. own, .. start.Command.Skip(1)]
            : start.Command;
        return new ProcessContainer(entry, own, [.. command, .. start.Args], environment, start.Log);
    }

    private sealed class ProcessContainer : IContainer
    {
        private static readonly TimeSpan LastOutput = TimeSpan.FromSeconds(1);

        private readonly ImageEntry _image;
        private readonly IReadOnlyList<string> _own;
        private readonly IReadOnlyDictionary<string, string> _environment;
        private readonly Process _process;

        public ProcessContainer(
            ImageEntry image, IReadOnlyList<string> own, IReadOnlyList<string> command,
            IReadOnlyDictionary<string, string> environment, ContainerLog log)
        {
            (_image, _own, _environment) = (image, own, environment);
            _process = Run(command, environment);
            Exited = WaitAsync(_process, log);
        }

        public Task<int> Exited { get; }

        public void Terminate() => Signal(15);

        /// <summary>Kills the process and its children, like the end of a container.</summary>
        public void Kill()
        {
            try
            {
                _process.Kill(entireProcessTree: true);
            }
            catch (Exception problem) when (problem is InvalidOperationException or AggregateException)
            {
                // It, or a child, has ended in the meantime.
            }
        }

        public async Task<bool> ExecAsync(IReadOnlyList<string> command, CancellationToken cancellation)
        {
            if (command is []) return false;
            IReadOnlyList<string> actual = command[0] == _image.Entrypoint ? [.. _own, .. command.Skip(1)] : command;
            using var process = Run(actual, _environment);
            var output = Task.WhenAll(
                process.StandardOutput.BaseStream.CopyToAsync(Stream.Null, CancellationToken.None),
                process.StandardError.BaseStream.CopyToAsync(Stream.Null, CancellationToken.None));
            try
            {
                await process.WaitForExitAsync(cancellation);
                return process.ExitCode == 0;
            }
            finally
            {
                if (!process.HasExited) process.Kill(entireProcessTree: true);
                Watchdog.Shared.Remove(process.Id);
                await Task.WhenAny(output, Task.Delay(LastOutput, TimeProvider.System, CancellationToken.None));
            }
        }

        public async ValueTask DisposeAsync()
        {
            if (!Exited.IsCompleted) Kill();
            await Exited;
            _process.Dispose();
        }

        private static Process Run(IReadOnlyList<string> command, IReadOnlyDictionary<string, string> environment)
        {
            var start = new ProcessStartInfo(command[0], command.Skip(1))
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            };
            foreach (var (name, value) in environment) start.Environment[name] = value;
            var process = Process.Start(start) ?? throw new InvalidOperationException($"\"{command[0]}\" could not be started");
            Watchdog.Shared.Add(process.Id); // ends the process if the kubelet is killed
            process.StandardInput.Close();   // a container has no terminal
            return process;
        }

        private static async Task<int> WaitAsync(Process process, ContainerLog log)
        {
            var output = Task.WhenAll(CopyAsync(process.StandardOutput, log), CopyAsync(process.StandardError, log));
            await process.WaitForExitAsync();
            Watchdog.Shared.Remove(process.Id);

            // A child may keep the pipes open after the container has ended.
            await Task.WhenAny(output, Task.Delay(LastOutput, TimeProvider.System, CancellationToken.None));
            return process.ExitCode;
        }

        private static async Task CopyAsync(StreamReader reader, ContainerLog log)
        {
            try
            {
                while (await reader.ReadLineAsync() is { } line) log.Write(line);
            }
            catch (Exception problem) when (problem is IOException or ObjectDisposedException)
            {
                // The process was disposed of while a child kept the pipe open.
            }
        }

        private void Signal(int signal)
        {
            try
            {
                if (!_process.HasExited) _ = SendSignal(_process.Id, signal);
            }
            catch (InvalidOperationException)
            {
                // It ended before the signal.
            }
        }

        [DllImport("libc", EntryPoint = "kill")]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        private static extern int SendSignal(int pid, int signal);
    }
}
