using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging;
using ModuleController.Agent;
using ModuleController.Dev.ArkletSimulator;
using ModuleController.Dev.Kubelet.Containers;
using ModuleController.Dev.Kubelet.Runtimes;
using ModuleController.Dev.Load.Processes;

namespace ModuleController.Dev.Load.Clusters;

/// <summary>
/// The images of the base pods: a simulated base in this process, and the real agent, also in this process or, for the
/// first pods, as a process that can be killed.
/// </summary>
internal sealed class LoadBases(LoadOptions options, ILoggerFactory loggers)
{
    public const string AgentImage = "load/agent";
    public const string BaseImage = "load/base";

    private readonly ConcurrentDictionary<string, SimulatedBase> _bases = new();
    private readonly ConcurrentDictionary<string, ChildProcess> _processes = new();
    private readonly ConcurrentDictionary<int, bool> _killed = new();
    private readonly ConcurrentQueue<string> _crashes = new();
    private int _started;

    public DelegateRuntime Runtime => new(new Dictionary<string, Func<ContainerStart, CancellationToken, Task<int>>>
    {
        [AgentImage] = RunAgentAsync,
        [BaseImage] = RunBaseAsync,
    });

    /// <summary>By the pod's UID.</summary>
    public IReadOnlyDictionary<string, SimulatedBase> All => _bases;

    /// <summary>Agents that ended without a kill.</summary>
    public IReadOnlyCollection<string> Crashes => _crashes;

    /// <summary>kill -9 for all agents that are processes. Each is restarted immediately.</summary>
    /// <returns>Whether there was any.</returns>
    public bool KillAgents()
    {
        var any = false;
        foreach (var process in _processes.Values)
        {
            _killed[process.Id] = true;
            any |= process.Kill();
        }

        return any;
    }

    private async Task<int> RunBaseAsync(ContainerStart start, CancellationToken cancellation)
    {
        await using var simulated = await SimulatedBase.StartAsync(new()
        {
            Address = IPAddress.Parse(start.Pod.Ip),
            ArkletPort = 1238,
            WebPort = 8080,
            InstallTime = options.InstallTime,
        });
        _bases[start.Pod.Uid] = simulated;
        try
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellation);
            return 0;
        }
        finally
        {
            _bases.TryRemove(start.Pod.Uid, out _);
        }
    }

    private async Task<int> RunAgentAsync(ContainerStart start, CancellationToken cancellation)
    {
        if (Interlocked.Increment(ref _started) <= options.AgentProcesses) return await RunProcessesAsync(start, cancellation);
        var (agent, errors) = AgentOptions.Parse(start.Args, name => start.Environment.GetValueOrDefault(name));
        if (errors.Count > 0) throw new ArgumentException(string.Join("; ", errors));
        return await AgentRuntime.RunAsync(agent, loggers, cancellation);
    }

    /// <summary>Restarted here, without the kubelet's backoff.</summary>
    private async Task<int> RunProcessesAsync(ContainerStart start, CancellationToken cancellation)
    {
        IReadOnlyList<string> arguments =
        [
            .. start.Environment.Where(pair => !pair.Key.StartsWith("DEVCLUSTER_", StringComparison.Ordinal))
                .Select(pair => $"--{pair.Key.ToLowerInvariant().Replace('_', '-')}={pair.Value}"),
        ];
        while (true)
        {
            await using var process = ChildProcess.Start(options.Agent ?? Programs.Agent, arguments);
            _processes[start.Pod.Uid] = process;
            try
            {
                var code = await process.Exited.WaitAsync(cancellation);
                if (!_killed.ContainsKey(process.Id))
                    _crashes.Enqueue($"the agent of {start.Pod.Name} ended with code {code}: {process.Output}");
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                _processes.TryRemove(start.Pod.Uid, out _);
                await process.StopAsync();
                return 143;
            }
        }
    }
}
