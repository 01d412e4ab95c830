using System.Net;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Failures;

/// <summary>Hooks from a ModuleDeployment's spec to a port of the pods, and back as status, Event and condition.</summary>
public sealed class HookTests(SharedWorld shared) : IClassFixture<SharedWorld>, IDisposable
{
    private readonly HookServers _hooks = new(shared.World.PodsOf("base").Select(pod => IPAddress.Parse(pod.Status.PodIp!)));

    private World World => shared.World;

    public void Dispose() => _hooks.Dispose();

    [Fact]
    public async Task HookFailed_is_reported_everywhere_and_a_new_Module_is_installed_when_the_hook_agrees()
    {
        _hooks.Answer = request => request.Event == "preInstall" ? 503 : 200;
        await World.CreateAsync(New("guarded", "1.0.0", new() { PreInstall = _hooks.At("/pre"), PostInstall = _hooks.At("/post") })
            .Replicas(1));
        var module = await World.FailedAsync("guarded", FailureReason.HookFailed);
        Assert.Equal(ModulePhase.Failed, module.Status.Status);
        Assert.Equal("PRE_INSTALL", module.Status.LastError!.Code);
        Assert.Contains("/pre answered 503", module.Status.LastError.Message, StringComparison.Ordinal);
        await World.WarningAsync(module.Metadata.Name, "HookFailed", "/pre answered 503");
        await World.ConditionAsync("guarded", DeploymentConditions.ReplicaFailure, Condition.True, "HookFailed");
        Assert.Equal(0, World.InstallsOf("guarded:1.0.0"));

        _hooks.Answer = _ => 200;
        await World.Client.DeleteAsync<Module>(ObjectKey.Of(module.Metadata));
        await World.AvailableAsync("guarded", 1, "1.0.0");
        Assert.Null((await World.FindAsync("guarded"))!.Status.Conditions.Find(DeploymentConditions.ReplicaFailure));
        var installed = Assert.Single(World.ModulesOf("guarded"));
        Assert.Equal(
            [("preInstall", installed.Spec.PodName, "1.0.0"), ("postInstall", installed.Spec.PodName, "1.0.0")],
            _hooks.Requests("guarded").Where(request => request.Text("module.uid") == installed.Metadata.Uid)
                .Select(request => (request.Event, (string?)request.Text("pod.name"), request.Text("module.version"))));
    }

    [Fact]
    public async Task A_version_that_has_served_is_tried_again_until_its_hook_agrees()
    {
        await World.CreateAsync(New("served", "1.0.0", new() { PostInstall = _hooks.At("/post") }).Replicas(1));
        await World.AvailableAsync("served", 1, "1.0.0");
        _hooks.Answer = _ => 500;
        await World.BaseOf(World.ModulesOf("served")[0]).RestartAsync();
        await World.HoldsAsync(
            () => World.ModulesOf("served")[0].Status is { Attempts: >= 2, LastError.Reason: "HookFailed" }, "served",
            "two attempts have failed");
        Assert.False(World.HasLabel(World.PodOf(World.ModulesOf("served")[0]), "served"));
        _hooks.Answer = _ => 200;
        await World.HoldsAsync(() => World.ModulesOf("served")[0].IsAvailable, "served", "it is back");
    }

    [Fact]
    public async Task A_hook_that_hangs_keeps_no_other_module_waiting()
    {
        _hooks.Answer = request => request.Text("module.name") == "hanging" ? null : 200;
        await World.CreateAsync(New("hanging", "1.0.0", new() { PostInstall = _hooks.At("/post") with { TimeoutSeconds = 3600 } })
            .Symmetric());
        await World.HoldsAsync(() => _hooks.Requests("hanging").Count == 3, "hanging", "three hooks hang");
        await World.CreateAsync(New("passing", "1.0.0", new() { PostInstall = _hooks.At("/post") }).Symmetric());
        await World.AvailableAsync("passing", 3, "1.0.0");
        await World.HoldsAsync(
            () => World.ModulesOf("hanging")
                .All(module => module.Status.Message?.StartsWith("a hook of its install is under way", StringComparison.Ordinal) == true),
            "hanging", "what is waited for is reported");
        Assert.All(World.ModulesOf("hanging"), module => Assert.False(World.HasLabel(World.PodOf(module), "hanging")));
    }

    [Fact]
    public async Task An_upgrade_waits_for_a_preUninstall_hook_and_a_deletion_does_not()
    {
        var hooks = new ModuleHooks { PreUninstall = _hooks.At("/leave"), PostUninstall = _hooks.At("/left") };
        await World.CreateAsync(New("leaving", "1.0.0", hooks).Policy("uninstall_then_install").AtMostUnavailable(1).Replicas(1));
        await World.AvailableAsync("leaving", 1, "1.0.0");
        _hooks.Answer = request => request.Event == "preUninstall" ? 409 : 200;
        await World.UpgradeAsync("leaving", "2.0.0", World.Jar("leaving", "2.0.0"));
        await World.HoldsAsync(
            () => World.ModulesOf("leaving")
                .Any(module => module.Status is { Status: ModulePhase.Terminating, LastError.Reason: "HookFailed" }),
            "leaving", "the old one is held");
        Assert.Equal(0, World.InstallsOf("leaving:2.0.0"));
        _hooks.Answer = _ => 200;
        await World.AvailableAsync("leaving", 1, "2.0.0");

        _hooks.Answer = _ => 500;
        await World.DeleteAsync("leaving");
        await World.GoneAsync("leaving");
        Assert.Equal(["preUninstall", "postUninstall"], _hooks.Requests("leaving").TakeLast(2).Select(request => request.Event));
    }

    private ModuleDeployment New(string name, string version, ModuleHooks hooks)
    {
        var deployment = A.Module(name, version, World.Jar(name, version));
        return deployment with { Spec = deployment.Spec with { Hooks = hooks } };
    }

    /// <summary>One on each pod's own address, all on one port.</summary>
    private sealed class HookServers : IDisposable
    {
        private readonly List<HookServer> _servers = [];

        public HookServers(IEnumerable<IPAddress> addresses)
        {
            // The same port for all, and one that no socket gets which asks for any free one.
            foreach (var address in addresses) _servers.Add(new(address, 8099));
        }

        public Func<HookRequest, int?> Answer
        {
            set => _servers.ForEach(server => server.Answer = value);
        }

        public ModuleHook At(string path) => new() { Port = _servers[0].Port, Path = path, TimeoutSeconds = 120 };

        /// <summary>Of one module, per pod in order.</summary>
        public IReadOnlyList<HookRequest> Requests(string module) =>
            [.. _servers.SelectMany(server => server.Requests).Where(request => request.Text("module.name") == module)];

        public void Dispose() => _servers.ForEach(server => server.Dispose());
    }
}
