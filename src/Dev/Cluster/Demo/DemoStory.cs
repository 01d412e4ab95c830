using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using ModuleController.Dev.ApiServer;

namespace ModuleController.Dev.Cluster.Demo;

/// <summary>The steps of the demo. Everything that it shows comes from the API and from the modules' own answers.</summary>
internal sealed class DemoStory(
    DemoOptions options, DemoFiles files, ApiServerHost server, DemoTerminal terminal, TimeProvider time) : IDisposable
{
    private const int Pods = 3;
    private const string Base = "/apis/apps/v1/namespaces/default/deployments/base";
    private const string Controller = "/apis/apps/v1/namespaces/modulecontroller-system/deployments/modulecontroller";
    private const string TrafficLabel = $"module.koupleless.io/{SampleModule.Name}";

    // A new controller removes nothing before its agents have had this long to reconnect.
    private static readonly TimeSpan ReconnectTime = TimeSpan.FromSeconds(10);

    private readonly HttpClient _http = server.CreateClient();
    private readonly HttpClient _web = new(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.Zero })
    {
        Timeout = TimeSpan.FromSeconds(5),
    };

    private readonly ModuleProgress _progress = new(terminal);

    private TimeSpan _controllerReady;

    private DemoApi Api => field ??= new(_http);

    public async Task RunAsync(CancellationToken cancellation)
    {
        await StartAsync(cancellation);
        var jars = options.Modules ?? await files.MakeModulesAsync(cancellation);
        await InstallAsync(jars, cancellation);
        await UpgradeAsync(jars, cancellation);
        await KillJvmAsync(cancellation);
        await ShowModulesAsync(cancellation);
    }

    public Task<string> DiagnoseAsync() => DemoDiagnosis.CollectAsync(Api);

    public void Dispose()
    {
        _http.Dispose();
        _web.Dispose();
    }

    private async Task StartAsync(CancellationToken cancellation)
    {
        var definitions = Directory.EnumerateFiles(Path.Combine(files.Deploy, "crds"), "module*.yaml").Order(StringComparer.Ordinal)
            .SelectMany(file => YamlObjects.Parse(File.ReadAllText(file))).ToList();
        await Api.ApplyAsync(definitions, cancellation);
        terminal.Line("applied deploy/crds", string.Join(", ", definitions.Select(definition => definition["spec"]!["names"]!["kind"])));
        foreach (var file in (string[])[
            "namespace/namespace", "controller/service-account", "controller/cluster-role", "controller/lease-role",
            "controller/user-roles", "controller/service", "controller/webhooks"])
        {
            var manifest = await File.ReadAllTextAsync(Path.Combine(files.Deploy, $"{file}.yaml"), cancellation);
            await Api.ApplyAsync(YamlObjects.Parse(manifest), cancellation);
        }

        terminal.Line("applied deploy/controller/*", "the controller's ServiceAccount, roles, Service and webhooks");
        await Api.ApplyAsync([Kubeconfig()], cancellation);
        await Api.ApplyAsync(YamlObjects.Parse(new DemoPorts().Fill(Manifest("controller.yaml"))), cancellation);
        await terminal.WaitAsync("the controller", async () => await AvailableAsync(Controller, cancellation) == 1, cancellation);
        _controllerReady = terminal.Elapsed;
        terminal.Good("controller ready", "a pod like any other: a process on this machine; it made its certificates");
        var bases = options.BaseJar is null ? "base.yaml" : "base-jvm.yaml";
        await Api.ApplyAsync(YamlObjects.Parse(Manifest(bases)), cancellation);
        terminal.Line($"applied deploy/demo/{bases}", "a Deployment whose pods have the label koupleless.io/inject");
        await terminal.WaitAsync($"{Pods} base pods", async () => await AvailableAsync(Base, cancellation) == Pods, cancellation);
        terminal.Good($"{Pods} base pods ready", $"each a {(options.BaseJar is null ? "simulated Arklet" : "JVM")} with an injected agent");
    }

    private async Task InstallAsync(string jars, CancellationToken cancellation)
    {
        terminal.Chapter($"Install {SampleModule.Name} {SampleModule.First} on {Pods} base pods");
        var shop = YamlObjects.Parse(Manifest("shop.yaml"))[0];
        shop["spec"]!["template"]!["spec"]!["module"] = Source(jars, SampleModule.First);
        await Api.ApplyAsync([shop], cancellation);
        terminal.Line("applied deploy/demo/shop.yaml", "a ModuleDeployment; it creates a ReplicaSet, Modules and a Service");
        await WaitForReleaseAsync(SampleModule.First, cancellation);
    }

    private async Task UpgradeAsync(string jars, CancellationToken cancellation)
    {
        terminal.Chapter($"Upgrade {SampleModule.Name} {SampleModule.First} → {SampleModule.Second}");
        terminal.Note("Both versions answer on one path, so each pod leaves the Service while its version is replaced.");
        await using var traffic = new ServiceTraffic(Api, _web, time, cancellation);
        var template = new JsonObject { ["spec"] = new JsonObject { ["module"] = Source(jars, SampleModule.Second) } };
        await Api.PatchAsync(DemoApi.Shop, new() { ["spec"] = new JsonObject { ["template"] = template } }, cancellation);
        var isNew = terminal.Elapsed - _controllerReady < ReconnectTime;
        terminal.Line("patched the ModuleDeployment", isNew ? "a controller removes nothing in its first 10 s" : "");
        await WaitForReleaseAsync(SampleModule.Second, cancellation);
        terminal.Line(await traffic.SummaryAsync());
    }

    private async Task KillJvmAsync(CancellationToken cancellation)
    {
        var pod = (await Api.ListAsync(DemoApi.Pods, cancellation)).OrderBy(pod => pod.Name(), StringComparer.Ordinal).First();
        terminal.Chapter($"Kill a {options.Jvm}, and with it the modules in its memory");
        var pid = await ProcessOfBaseAsync(pod, cancellation);
        await using var traffic = new ServiceTraffic(Api, _web, time, cancellation);
        using (var process = Process.GetProcessById(pid)) process.Kill();
        terminal.Bad($"kill -9 {pid}", $"the base of pod {pod.Name()}");

        await WaitForPodAsync("a restart of the base's container", found => found.RestartsOfBase() > pod.RestartsOfBase());
        terminal.Line($"a new {options.Jvm} starts", "empty; the pod is not ready, so it is not in the Service");
        await WaitForPodAsync("the removal of the traffic label", found => found.Label(TrafficLabel) is null);
        terminal.Line("traffic label removed", "the agent reported a new base life");
        await WaitForPodAsync("the module's replay", found => found.Label(TrafficLabel) == "true");
        await terminal.WaitAsync("the Service", async () => (await Api.EndpointsAsync(cancellation)).Count == Pods, cancellation);
        terminal.Good($"{SampleModule.Name} {SampleModule.Second} Available", "replayed by the controller, and in the Service again");
        terminal.Line(await traffic.SummaryAsync());

        Task WaitForPodAsync(string what, Func<JsonObject, bool> condition) => terminal.WaitAsync(
            what, async () => await Api.FindAsync($"{DemoApi.Pods}/{pod.Name()}", cancellation) is { } found && condition(found),
            cancellation);
    }

    private async Task<int> ProcessOfBaseAsync(JsonObject pod, CancellationToken cancellation)
    {
        var home = new UriBuilder("http", pod.PodIp(), 8080).Uri;
        var answer = await _web.GetStringAsync(home, cancellation);
        var last = answer.Split([' ', '"', '}', ','], StringSplitOptions.RemoveEmptyEntries).LastOrDefault();
        return int.TryParse(last, CultureInfo.InvariantCulture, out var pid)
            ? pid : throw new DemoException($"{home} did not answer with its process id: {answer}");
    }

    /// <summary>Prints each change until all Modules are of this version, Available and in the Service.</summary>
    private async Task WaitForReleaseAsync(string version, CancellationToken cancellation)
    {
        _progress.Begin(await Api.ListAsync(DemoApi.Modules, cancellation));
        await terminal.WaitAsync($"{Pods} modules of version {version}", async () =>
        {
            var modules = await Api.ListAsync(DemoApi.Modules, cancellation);
            _progress.Report(modules);
            return modules.Count == Pods && modules.All(module => module.ModuleStatus() == "Available" && module.ModuleVersion() == version)
                && (await Api.EndpointsAsync(cancellation)).Count == Pods;
        }, cancellation);
    }

    /// <summary>The modules by pod, each with its own answer.</summary>
    private async Task ShowModulesAsync(CancellationToken cancellation)
    {
        var pods = (await Api.ListAsync(DemoApi.Pods, cancellation)).ToDictionary(pod => pod.Name());
        var rows = new List<IReadOnlyList<string>>();
        var modules = await Api.ListAsync(DemoApi.Modules, cancellation);
        foreach (var module in modules.OrderBy(module => module.PodOfModule(), StringComparer.Ordinal))
        {
            if (!pods.TryGetValue(module.PodOfModule(), out var pod)) continue;
            var answer = await AskAsync(new UriBuilder("http", pod.PodIp(), 8080, SampleModule.Page).Uri, cancellation);
            var restarts = pod.RestartsOfBase().ToString(CultureInfo.InvariantCulture);
            rows.Add([pod.Name(), pod.PodIp(), restarts, module.ModuleIdentity(), module.ModuleStatus(), answer]);
        }

        terminal.Table(["POD", "ADDRESS", "RESTARTS", "MODULE", "STATUS", $"GET {SampleModule.Page}"], rows);
    }

    private async Task<string> AskAsync(Uri page, CancellationToken cancellation)
    {
        try
        {
            using var response = await _web.GetAsync(page, cancellation);
            return response.IsSuccessStatusCode
                ? (await response.Content.ReadAsStringAsync(cancellation)).Trim() : $"HTTP {(int)response.StatusCode}";
        }
        catch (HttpRequestException problem)
        {
            return problem.HttpRequestError.ToString();
        }
    }

    private async Task<int> AvailableAsync(string deployment, CancellationToken cancellation) =>
        (await Api.FindAsync(deployment, cancellation))?["status"]?["availableReplicas"]?.GetValue<int>() ?? 0;

    /// <summary>Where the controller finds the API server. Its token is in the volume beside, which the kubelet renews.</summary>
    private JsonObject Kubeconfig() => new()
    {
        ["apiVersion"] = "v1",
        ["kind"] = "ConfigMap",
        ["metadata"] = new JsonObject { ["name"] = "kubeconfig", ["namespace"] = "modulecontroller-system" },
        ["data"] = new JsonObject { ["kubeconfig"] = server.KubeconfigOfFile("../serviceaccount/token") },
    };

    private string Manifest(string name) => File.ReadAllText(Path.Combine(files.Deploy, "demo", name));

    private static JsonObject Source(string directory, string version) => new()
    {
        ["name"] = SampleModule.Name,
        ["version"] = version,
        ["url"] = new Uri(SampleModule.Jar(directory, version)).AbsoluteUri,
    };
}
