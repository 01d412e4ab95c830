using Google.Protobuf.WellKnownTypes;
using ModuleController.Agent.Tests.Commands;
using ModuleController.Protocol.V1;
using ModuleController.Tests;
using static ModuleController.Agent.Tests.EndToEnd.AgentCommands;

namespace ModuleController.Agent.Tests.Hooks;

/// <summary>Commands whose hooks a server of the test answers.</summary>
public abstract class HookedCommands : IAsyncLifetime
{
    protected HookServer Hooks { get; } = new();

    protected RunnerBench Bench { get; private set; } = null!;

    protected FakeArklet Arklet => Bench.Arklet;

    public async ValueTask InitializeAsync() => Bench = await RunnerBench.StartAsync();

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await Bench.DisposeAsync();
        Hooks.Dispose();
    }

    protected Command InstallOf(string name, int attempt = 1, double seconds = 60, Action<Hook>? change = null)
    {
        var command = Install(Bench.Life, name, "1.0.0", Bench.Jar(name, "1.0.0"), attempt, seconds);
        command.Install.PreInstall = NewHook("preInstall", name, change);
        command.Install.PostInstall = NewHook("postInstall", name, change);
        return command;
    }

    protected Command UninstallOf(string name, int attempt = 1, Action<Hook>? change = null)
    {
        var command = Uninstall(Bench.Life, name, "1.0.0", attempt);
        command.Uninstall.PreUninstall = NewHook("preUninstall", name, change);
        command.Uninstall.PostUninstall = NewHook("postUninstall", name, change);
        return command;
    }

    private Hook NewHook(string @event, string name, Action<Hook>? change)
    {
        var hook = new Hook
        {
            Port = (uint)Hooks.Port,
            Path = $"/hook/{@event}?of={name}",
            Timeout = Duration.FromTimeSpan(TimeSpan.FromSeconds(60))
        };
        change?.Invoke(hook);
        return hook;
    }
}
