using System.Diagnostics;

namespace ModuleController.SystemTests.Harness;

/// <summary>The <c>kubectl</c> of this machine, pointed at a world; each call fails the test where it should not have failed.</summary>
internal sealed class Kubectl(World world) : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(6);
    private readonly DirectoryInfo _work = Directory.CreateTempSubdirectory("mc-kubectl-");

    public static bool IsInstalled => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Any(path => File.Exists(Path.Combine(path, "kubectl")));

    public void Dispose() => _work.Delete(recursive: true);

    public async Task<string> RunAsync(params string[] arguments)
    {
        var (exitCode, output) = await TryAsync(arguments);
        Assert.True(exitCode == 0, $"kubectl {string.Join(' ', arguments)}: exit code {exitCode}\n{output}");
        return output;
    }

    public async Task<string> ApplyAsync(string yaml) => await RunAsync("apply", "-f", await FileAsync(yaml));

    public async Task<string> FileAsync(string yaml)
    {
        var file = Path.Combine(_work.FullName, "applied.yaml");
        await File.WriteAllTextAsync(file, yaml, TestContext.Current.CancellationToken);
        return file;
    }

    /// <summary>The exit code, and what it printed; both go to the test's output too.</summary>
    public async Task<(int ExitCode, string Output)> TryAsync(params string[] arguments)
    {
        var cancellation = TestContext.Current.CancellationToken;
        var start = new ProcessStartInfo("kubectl", ["--namespace", world.Namespace, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["KUBECONFIG"] = world.Kubeconfig, ["KUBECACHEDIR"] = _work.FullName },
        };
        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(cancellation), process.StandardError.ReadToEndAsync(cancellation));
        try
        {
            await process.WaitForExitAsync(cancellation).WaitAsync(Timeout, TimeProvider.System, cancellation);
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }

        var said = await output + await errors;
        TestContext.Current.TestOutputHelper?.WriteLine($"$ kubectl {string.Join(' ', arguments)}\n{said}");
        return (process.ExitCode, said);
    }
}
