using System.Diagnostics;
using System.Runtime.InteropServices;

namespace ModuleController.Dev.Cluster.Demo;

/// <summary>The files of the demo: manifests in the checkout, programs beside this one, and a temporary directory.</summary>
internal sealed class DemoFiles : IDisposable
{
    private readonly DirectoryInfo _temporary = Directory.CreateTempSubdirectory("modulecontroller-demo-");

    // artifacts/bin/<project>/<configuration>
    private readonly DirectoryInfo _own = new(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));

    public string Deploy { get; } = FindDeploy();

    public string Kubeconfig => Path.Combine(_temporary.FullName, "kubeconfig");

    public string Pods => Path.Combine(_temporary.FullName, "pods");

    /// <summary>The variables of <c>deploy/demo/images.yaml</c>.</summary>
    public Dictionary<string, string> Variables(string? baseJar) => new()
    {
        ["DOTNET"] = Dotnet(),
        ["PROGRAMS"] = _own.Parent!.Parent!.FullName,
        ["CONFIGURATION"] = _own.Name,
        ["JAVA"] = Environment.GetEnvironmentVariable("JAVA_HOME") is { Length: > 0 } home ? Path.Combine(home, "bin", "java") : "java",
        ["BASE_JAR"] = baseJar ?? "",
    };

    /// <summary>Writes two versions of the sample module for the simulator, which reads only the manifest of a jar.</summary>
    public async Task<string> MakeModulesAsync(CancellationToken cancellation)
    {
        var directory = _temporary.CreateSubdirectory("modules").FullName;
        var variables = Variables(null);
        var simulator = Path.Combine(
            variables["PROGRAMS"], "ArkletSimulator", variables["CONFIGURATION"], "ModuleController.Dev.ArkletSimulator.dll");
        foreach (var version in (string[])[SampleModule.First, SampleModule.Second])
        {
            var file = SampleModule.Jar(directory, version);
            var start = new ProcessStartInfo(
                variables["DOTNET"], [simulator, "make-jar", file, SampleModule.Name, version, SampleModule.Name])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            using var process = Process.Start(start)!;
            var problem = await process.StandardError.ReadToEndAsync(cancellation);
            await process.WaitForExitAsync(cancellation);
            if (process.ExitCode != 0) throw new DemoException($"{simulator} could not make {file}: {problem}");
        }

        return directory;
    }

    public void Dispose()
    {
        if (_temporary.Exists) _temporary.Delete(recursive: true);
    }

    /// <summary>The host of this process, which may not be on the path.</summary>
    private static string Dotnet()
    {
        var host = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"));
        return File.Exists(host) ? host : "dotnet";
    }

    private static string FindDeploy()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            var deploy = Path.Combine(at.FullName, "deploy");
            if (Directory.Exists(Path.Combine(deploy, "crds"))) return deploy;
        }

        throw new DemoException($"the demo runs from a checkout: there is no deploy/crds above {AppContext.BaseDirectory}");
    }
}

/// <summary>The demo cannot continue; the message is for the user.</summary>
internal sealed class DemoException(string message) : Exception(message);
