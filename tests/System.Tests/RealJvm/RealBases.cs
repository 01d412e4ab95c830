using System.Diagnostics;
using System.Globalization;
using ModuleController.Agent.Arklet;
using ModuleController.Core.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.RealJvm;

/// <summary>One world with two base pods, each a JVM; its tests run one after the other and leave it empty.</summary>
[CollectionDefinition(Collection)]
public sealed class RealBases : IAsyncLifetime, ICollectionFixture<RealBases>
{
    public const string Collection = "real JVMs";

    /// <summary>A JVM takes five seconds to start where it has a core to itself.</summary>
    private static readonly TimeSpan Start = TimeSpan.FromMinutes(5);

    private static readonly HttpClient Http = new(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.Zero });

    private readonly DirectoryInfo _jars = Directory.CreateTempSubdirectory("mc-jars-");
    private World? _world;

    internal World World => _world ?? throw new InvalidOperationException(RealJvm.HowToTurnOn);

    public IReadOnlyList<Pod> Pods => World.PodsOf("base");

    public async ValueTask InitializeAsync()
    {
        if (!RealJvm.IsConfigured) return;
        _world = await World.StartAsync(world => world.Images.Others = RealJvm.Runtime);
        await _world.BaseAsync("base", 2, change: RealJvm.Run, within: Start);
        await ReadyAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_world is not null) await _world.DisposeAsync();
        _jars.Delete(recursive: true);
    }

    /// <summary>Both bases are Ready, and their agents see Arklet.</summary>
    public Task ReadyAsync() => Eventually.True(
        () => Task.FromResult(Pods.Count == 2
            && Pods.All(pod => pod.Status.Conditions.IsTrue("Ready") && AgentOf(pod) is { IsCurrent: true })),
        () => World.DescribePodsAsync("base"), Start, "both bases are Ready and answer their agents");

    /// <summary>Nothing of a test before is left.</summary>
    internal async Task EmptyAsync()
    {
        foreach (var left in await World.Client.ListAllAsync<ModuleDeployment>(new() { Namespace = World.Namespace }))
        {
            if (!left.Metadata.IsDeleting) await World.DeleteAsync(left.Metadata.Name);
            await World.GoneAsync(left.Metadata.Name);
        }

        await ReadyAsync();
    }

    internal string Renumbered(string name, string from, string to) => RealJvm.Renumbered(name, from, to, _jars.FullName);

    internal BaseView? AgentOf(Pod pod) => World.Controller!.Agents.Find(ObjectKey.Of(pod.Metadata), pod.Metadata.Uid!);

    /// <summary>What Arklet itself lists, each as <c>name:version state</c>.</summary>
    internal async Task<IReadOnlyList<string>> BizAsync(Pod pod)
    {
        var agent = World.Images.AgentOf(pod.Metadata.Uid!);
        using var arklet = new ArkletClient(new ArkletOptions(agent.ArkletHost, agent.ArkletPort), TimeProvider.System);
        var all = await arklet.QueryAllAsync(TestContext.Current.CancellationToken)
            ?? throw new InvalidOperationException($"Arklet of {pod.Metadata.Name} did not answer");
        return [.. all.Select(biz => $"{biz.Name}:{biz.Version} {biz.State}").Order(StringComparer.Ordinal)];
    }

    /// <summary>What a pod answers to a path, or the status code.</summary>
    internal static async Task<string> AnswerAsync(Pod pod, string path)
    {
        using var response = await Http.GetAsync(new Uri($"http://{pod.Status.PodIp}:8080/{path}"), TestContext.Current.CancellationToken);
        return response.IsSuccessStatusCode
            ? (await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).Trim()
            : ((int)response.StatusCode).ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>kill -9; the base says its process id at its root.</summary>
    internal async Task KillAsync(Pod pod)
    {
        var answer = await AnswerAsync(pod, "");
        using var jvm = Process.GetProcessById(int.Parse(new string([.. answer.Where(char.IsAsciiDigit)]), CultureInfo.InvariantCulture));
        Assert.Equal("java", jvm.ProcessName);
        jvm.Kill();
    }

    /// <summary>What an operator would look at, and what the JVMs themselves say.</summary>
    internal async Task<string> DumpAsync(string name)
    {
        var lines = new List<string> { await World.DumpAsync(name) };
        foreach (var pod in Pods)
        {
            lines.Add($"  pod {pod.Metadata.Name} ready={pod.Status.Conditions.IsTrue("Ready")} {AgentOf(pod)?.ToString() ?? "no agent"}");
            try
            {
                lines.Add($"    Arklet: {string.Join(", ", await BizAsync(pod))}");
            }
            catch (InvalidOperationException silent)
            {
                lines.Add($"    {silent.Message}");
            }
        }

        lines.Add(await World.DescribePodsAsync("base"));
        lines.AddRange(World.Log.Lines.TakeLast(60).Select(line => $"  {line}"));
        return string.Join('\n', lines);
    }
}
