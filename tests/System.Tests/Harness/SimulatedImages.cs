using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging;
using ModuleController.Agent;
using ModuleController.Dev.ArkletSimulator;
using ModuleController.Dev.Kubelet.Containers;
using ModuleController.Dev.Kubelet.Runtimes;

namespace ModuleController.SystemTests.Harness;

/// <summary>The images of a base pod as functions of this process: the real agent, and a simulated base.</summary>
internal sealed class SimulatedImages(ILoggerFactory loggers)
{
    public const string Agent = "test/agent";
    public const string Base = "test/base";

    private readonly ConcurrentDictionary<string, SimulatedBase> _bases = new();
    private readonly ConcurrentDictionary<string, IReadOnlyList<LifeStatistics>> _ended = new();
    private readonly ConcurrentDictionary<string, CancellationTokenSource> _agents = new();
    private readonly ConcurrentDictionary<string, AgentOptions> _agentOptions = new();
    private readonly ConcurrentDictionary<string, int> _agentStarts = new();
    private readonly ConcurrentDictionary<string, bool> _hung = new();

    /// <summary>How each new base is made; tests may order behaviours for all bases here.</summary>
    public Func<SimulatedBaseOptions, SimulatedBaseOptions> Configure { get; set; } = options => options;

    /// <summary>What the agents take for the time.</summary>
    public ShiftedClock AgentClock { get; } = new();

    public Action<PodIdentity, SimulatedBase> Started { get; set; } = (_, _) => { };

    /// <summary>Bases are JVMs, whose Arklet binds all interfaces: each has a port of its own, that of its pod.</summary>
    public bool HasPortOfPod { get; set; }

    /// <summary>What runs every other image; null where a test knows none.</summary>
    public IContainerRuntime? Others { get; set; }

    public DelegateRuntime Runtime => new(
        new Dictionary<string, Func<ContainerStart, CancellationToken, Task<int>>>
        {
            [Agent] = RunAgentAsync,
            [Base] = RunBaseAsync,
        },
        Others);

    public SimulatedBase Of(string podUid) => _bases[podUid];

    public IEnumerable<(string PodUid, SimulatedBase Base)> Living => _bases.Select(pair => (pair.Key, pair.Value));

    /// <summary>Every life of every base there was, also of pods that are gone.</summary>
    public IReadOnlyList<LifeStatistics> AllLives =>
        [.. _ended.Values.SelectMany(lives => lives), .. _bases.Values.SelectMany(simulated => simulated.Statistics)];

    public int AgentStarts(string podUid) => _agentStarts.GetValueOrDefault(podUid);

    /// <summary>Ends a pod's agent without asking; the kubelet starts it again.</summary>
    public void KillAgent(string podUid) => _agents[podUid].Cancel();

    /// <summary>Leaves of a pod's agent a process that is there and does nothing, for good.</summary>
    public void HangAgent(string podUid)
    {
        _hung[podUid] = true;
        KillAgent(podUid);
    }

    /// <summary>What a pod's agent was started with, such as the port of its Arklet.</summary>
    public AgentOptions AgentOf(string podUid) => _agentOptions[podUid];

    private async Task<int> RunBaseAsync(ContainerStart start, CancellationToken cancellation)
    {
        var options = Configure(new SimulatedBaseOptions { Address = IPAddress.Parse(start.Pod.Ip), ArkletPort = 1238, WebPort = 8080 });
        await using var simulated = await SimulatedBase.StartAsync(options);
        Started(start.Pod, simulated);
        _bases[start.Pod.Uid] = simulated;
        try
        {
            await simulated.Failed.WaitAsync(cancellation);
            return 1;
        }
        finally
        {
            _bases.TryRemove(start.Pod.Uid, out _);
            _ended[$"{start.Pod.Uid}/{Guid.NewGuid()}"] = simulated.Statistics;
        }
    }

    private async Task<int> RunAgentAsync(ContainerStart start, CancellationToken cancellation)
    {
        // The pod's own localhost is an address of this machine.
        var (options, errors) = AgentOptions.Parse(start.Args, name =>
            HasPortOfPod && name == "ARKLET_PORT" ? start.Environment["DEVCLUSTER_POD_PORT"]
            : start.Environment.GetValueOrDefault(name) ?? (name == "ARKLET_HOST" ? start.Pod.Ip : null));
        if (errors.Count > 0) throw new ArgumentException(string.Join("; ", errors));
        _agentOptions[start.Pod.Uid] = options;
        using var killed = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        _agents[start.Pod.Uid] = killed;
        _agentStarts.AddOrUpdate(start.Pod.Uid, 1, (_, starts) => starts + 1);
        if (_hung.ContainsKey(start.Pod.Uid)) await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, killed.Token);
        return await AgentRuntime.RunAsync(options, loggers, killed.Token, AgentClock);
    }
}
