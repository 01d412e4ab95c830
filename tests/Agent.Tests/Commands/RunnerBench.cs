using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using ModuleController.Agent.Artifacts;
using ModuleController.Agent.Commands;
using ModuleController.Agent.Hooks;
using ModuleController.Agent.Journal;
using ModuleController.Agent.Link;
using ModuleController.Agent.Observing;
using ModuleController.Agent.Tests.EndToEnd;
using ModuleController.Dev.ArkletSimulator;
using ModuleController.Protocol.V1;
using ModuleController.Tests;

namespace ModuleController.Agent.Tests.Commands;

/// <summary>A runner and its neighbours in one process, over a fake Arklet; it can be ended as by kill -9 and begun again.</summary>
public sealed class RunnerBench : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ConcurrentDictionary<string, TaskCompletionSource<CommandResult>> _results = new();
    private CancellationTokenSource _ending = new();
    private Downloader? _downloader;
    private HookRunner? _hooks;
    private Task[] _loops = [];

    public FakeArklet Arklet { get; } = new();

    /// <summary>Of the next process: after which an outcome that is not known counts as none.</summary>
    public TimeSpan SettleTime { get; set; } = TimeSpan.FromMilliseconds(600);

    public CommandJournal Journal { get; private set; } = null!;

    public BaseObserver Observer { get; private set; } = null!;

    public CommandRunner Runner { get; private set; } = null!;

    /// <summary>What is on the disk at this moment.</summary>
    public string ReadJournal() => File.ReadAllText(_folder.Combine("journal"));

    public string Life => Observer.View.Life!.Id;

    public static async Task<RunnerBench> StartAsync()
    {
        var bench = new RunnerBench();
        bench.Arklet.BeginLife(TimeSpan.FromSeconds(100));
        await bench.BeginAsync();
        return bench;
    }

    public Command InstallOf(string name, int attempt = 1, double seconds = 60, ulong epoch = 1) =>
        AgentCommands.Install(Life, name, "1.0.0", Jar(name, "1.0.0"), attempt, seconds, epoch: epoch);

    public Snapshot Snapshot() =>
        Snapshots.Build(Observer.View, Journal.State, Runner.Running, sequence: 1, TimeProvider.System.GetUtcNow());

    public Uri Jar(string name, string version)
    {
        var path = _folder.Combine($"{name}-{version}.jar");
        if (!File.Exists(path)) SampleJar.Write(path, name, version, name);
        return new Uri(path);
    }

    public async Task<CommandResult> RunAsync(Command command)
    {
        var done = Expect(command.Id);
        Runner.Submit(command);
        return await done.WaitAsync(Eventually.Deadline, TestContext.Current.CancellationToken);
    }

    public Task<CommandResult> Expect(string id) =>
        (_results[id] = new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    /// <summary>What a dying process leaves: the loops stop where they are, and nothing more is written.</summary>
    public async Task RestartAsync()
    {
        await EndAsync();
        await BeginAsync();
    }

    /// <summary>A look of the observer's at what is there now; on a machine that stands still one may tell nothing.</summary>
    public Task<BaseView> LookAsync() => Eventually.Some(() => Observer.ReadAsync(TestContext.Current.CancellationToken));

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        _folder.Dispose();
    }

    private async Task BeginAsync()
    {
        _ending = new CancellationTokenSource();
        var (time, log) = (TimeProvider.System, NullLogger.Instance);
        Journal = CommandJournal.Open(_folder.Path, log);
        Observer = new BaseObserver(
            Arklet, Journal,
            new ObserverOptions
            {
                HealthInterval = TimeSpan.FromMilliseconds(50),
                QueryInterval = TimeSpan.FromMilliseconds(100),
                DownInterval = TimeSpan.FromMilliseconds(20)
            },
            time, log);
        _downloader = new Downloader(new DownloadLimits(), time, log);
        _hooks = new HookRunner(new HookTarget("127.0.0.1", "shop", "base-1", "uid-1"), time, log);
        Runner = new CommandRunner(
            new CommandTools(Arklet, Observer, Journal, new ArtifactStore(_folder.Combine("artifacts"), _downloader, time, log), _hooks,
                time)
            {
                SettleTime = SettleTime,
                PollInterval = TimeSpan.FromMilliseconds(10),
            },
            log);
        Runner.Finished += result =>
        {
            if (_results.TryGetValue(result.CommandId, out var waiting)) waiting.TrySetResult(result);
        };
        _loops = [Observer.RunAsync(_ending.Token), Runner.RunAsync(_ending.Token)];
        await LookAsync();
    }

    private async Task EndAsync()
    {
        await _ending.CancelAsync();
        await Task.WhenAll(_loops).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Runner.Dispose();
        _hooks?.Dispose();
        Observer.Dispose();
        Journal.Dispose();
        _downloader?.Dispose();
        _ending.Dispose();
    }
}
