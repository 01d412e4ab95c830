using System.Diagnostics;
using System.Text;
using ModuleController.Dev.ApiServer;
using ModuleController.Dev.ApiServer.Requests;

namespace ModuleController.Kube.Tests.Conformance;

/// <summary>Runs tests/kubectl/conformance.sh, where there is a kubectl to run.</summary>
public sealed class KubectlTests
{
    [Fact]
    public async Task Everyday_kubectl_prints_what_it_should()
    {
        var cancellation = TestContext.Current.CancellationToken;
        var paths = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        Assert.SkipUnless(paths.Any(path => File.Exists(Path.Combine(path, "kubectl"))),
            "no kubectl on PATH; install one to run tests/kubectl/conformance.sh");
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "ModuleController.sln")))
            folder = folder.Parent;
        await using var host = await ApiServerHost.StartAsync(new() { PodLogs = new Hello() }, cancellation);
        var kubeconfig = Path.GetTempFileName();
        try
        {
            await host.WriteKubeconfigAsync(kubeconfig, cancellation);
            var start = new ProcessStartInfo(Path.Combine(folder!.FullName, "tests", "kubectl", "conformance.sh"),
                [kubeconfig])
            { RedirectStandardOutput = true };
            using var script = Process.Start(start)!;
            var output = await script.StandardOutput.ReadToEndAsync(cancellation);
            await script.WaitForExitAsync(cancellation);
            Assert.True(script.ExitCode == 0, output);
            TestContext.Current.TestOutputHelper?.WriteLine(output);
        }
        finally
        {
            File.Delete(kubeconfig);
        }
    }

    /// <summary>Stands in for a kubelet: here it is about kubectl and the API, not about running pods.</summary>
    private sealed class Hello : IPodLogs
    {
        public Task WriteAsync(string ns, string pod, string container, bool follow, int? tail, Stream output,
            CancellationToken cancellation) =>
            output.WriteAsync(Encoding.UTF8.GetBytes("hello\n"), cancellation).AsTask();
    }
}
