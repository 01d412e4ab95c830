using System.Net;
using Google.Protobuf.WellKnownTypes;
using ModuleController.Core.Commands;
using ModuleController.Dev.ArkletSimulator;
using ModuleController.Dev.Load.Measuring;
using ModuleController.Dev.Load.Processes;
using ModuleController.Protocol.V1;

namespace ModuleController.Dev.Load.Scenarios;

/// <summary>
/// Runs one agent as a process over TLS, with alternating installs and uninstalls; each jar is fetched and checked again.
/// Measures its memory before and after, and the time to its first message.
/// </summary>
internal static class AgentLoad
{
    private const int Starts = 5;
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    public static async Task<AgentFigures> RunAsync(LoadOptions options, Action<string> progress, CancellationToken cancellation)
    {
        var directory = Directory.CreateTempSubdirectory("mc-load-agent-").FullName;
        try
        {
            return await RunInAsync(directory, options, progress, cancellation);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static async Task<AgentFigures> RunInAsync(
        string directory, LoadOptions options, Action<string> progress, CancellationToken cancellation)
    {
        var jar = Path.Combine(directory, "orders.jar");
        SampleJar.Write(jar, "orders", "1.0.0", "orders");
        await using var simulated = await SimulatedBase.StartAsync(
            new() { Address = IPAddress.Loopback, InstallTime = options.InstallTime });
        await using var gateway = await AgentGateway.StartAsync(await File.ReadAllBytesAsync(jar, cancellation), cancellation);
        var roots = Path.Combine(directory, "roots.pem");
        await File.WriteAllTextAsync(roots, gateway.CertificatePem, cancellation);
        IReadOnlyList<string> arguments =
        [
            $"--controller-address={gateway.Address}", "--pod-namespace=load", "--pod-name=base-0", "--pod-uid=uid-0",
            $"--arklet-host=127.0.0.1", $"--arklet-port={simulated.ArkletPort}", $"--state-dir={directory}/state", $"--ca-file={roots}",
        ];
        var program = options.Agent ?? Programs.Agent;

        var firsts = new List<double>();
        for (var start = 1; ; start++)
        {
            var began = TimeProvider.System.GetTimestamp();
            await using var agent = ChildProcess.Start(program, arguments);
            await gateway.ReceiveAsync(message => message.Hello is not null, cancellation);
            firsts.Add(TimeProvider.System.GetElapsedTime(began).TotalSeconds);
            var snapshot = await gateway.ReceiveAsync(message => message.Snapshot is { BizKnown: true }, cancellation);
            if (start < Starts)
            {
                await agent.StopAsync();
                continue;
            }

            await Task.Delay(Rest, TimeProvider.System, cancellation);
            var points = new List<MemoryPoint> { MemoryPoint.Of(agent, 0) };
            progress(points[^1].ToString());
            for (var done = 1; done <= options.AgentCommands; done++)
            {
                var result = await gateway.RunAsync(NewCommand(snapshot.Snapshot.BaseLife.Id, done, gateway.Jar), cancellation);
                if (result.Outcome != Outcome.Succeeded) throw new InvalidOperationException($"command {done}: {result}");
                if (done % Math.Max(1, options.AgentCommands / 5) != 0) continue;
                points.Add(MemoryPoint.Of(agent, done));
                progress(points[^1].ToString());
            }

            await Task.Delay(Rest, TimeProvider.System, cancellation);
            points.Add(MemoryPoint.Of(agent, options.AgentCommands));
            var cpu = agent.CpuSeconds;
            await agent.StopAsync();
            return new(new FileInfo(program).Length / 1e6, firsts, points, cpu);
        }
    }

    private static Command NewCommand(string life, int number, Uri jar)
    {
        // Installs and uninstalls alternate.
        var (isInstall, attempt) = (number % 2 == 1, (number + 1) / 2);
        var module = new ModuleRef { ModuleUid = "7f1b9c52-1d3e-4b8a-9e55-0d6a1f2c3b4d", Name = "orders", Version = "1.0.0" };
        var command = new Command
        {
            Id = new CommandId(module.ModuleUid, isInstall ? CommandAction.Install : CommandAction.Uninstall, life, attempt).ToString(),
            Epoch = 1,
            BaseLifeId = life,
            Deadline = Duration.FromTimeSpan(TimeSpan.FromMinutes(1)),
        };
        if (isInstall) command.Install = new() { Module = module, Source = new() { Url = jar.AbsoluteUri }, Activate = true };
        else command.Uninstall = new() { Module = module };
        return command;
    }
}
