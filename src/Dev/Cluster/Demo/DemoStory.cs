using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using ModuleController.Dev.ApiServer;

namespace ModuleController.Dev.Cluster.Demo;

/// <summary>What the demo shows, step by step. Everything it knows comes from the API and from the modules' own answers.</summary>
internal sealed class DemoStory(DemoOptions options, DemoFiles files, ApiServerHost server, DemoTerminal terminal, TimeProvider time) : IDisposable
{
    private const int Pods = 3;
    private const string Base = "/apis/apps/v1/namespaces/default/deployments/base";
    private const string Controller = "/apis/apps/v1/namespaces/modulecontroller-system/deployments/modulecontroller";
    private static readonly TimeSpan StartGrace = TimeSpan.FromSeconds(10); // agents have so long to come back to a controller
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(100);

    private readonly HttpClient _http = server.CreateClient();
    private readonly HttpClient _web = new(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.Zero }) { Timeout = TimeSpan.FromSeconds(5) };

    private TimeSpan _controllerReady;

    private DemoApi Api => field ??= new(_http);

    /// <summary>What the story waits for now.</summary>
    public string WaitsFor { get; private set; } = "the start";

    public async Task TellAsync(CancellationToken cancellation)
    {
        await StartAsync(cancellation);
        var jars = options.Modules ?? await files.MakeModulesAsync(cancellation);
        await InstallAsync(jars, cancellation);
        await UpgradeAsync(jars, cancellation);
        await LoseAJvmAsync(cancellation);
    }

    public void Dispose()
    {
        _http.Dispose();
        _web.Dispose();
    }

    /// <summary>Why it may not have gone on: pods that are not ready, modules that are not available, the controller's last lines.</summary>
    public async Task<string> DiagnoseAsync()
    {
        var lines = new List<string>();
        foreach (var pod in await Api.ListAsync("/api/v1/pods", CancellationToken.None))
        {
            if (IsTrue(pod, "Ready")) continue;
            lines.Add($"pod {Name(pod)}: {pod["status"]?["phase"]}");
            foreach (var container in (pod["status"]?["containerStatuses"]?.AsArray() ?? []).Concat(pod["status"]?["initContainerStatuses"]?.AsArray() ?? []))
                lines.Add($"  {container!["name"]}: ready {container["ready"]}, restarts {container["restartCount"]}, {container["state"]?.ToJsonString()}");
        }

        foreach (var module in await Api.ListAsync(DemoApi.Modules, CancellationToken.None))
            lines.Add($"module {Name(module)}: {module["status"]?.ToJsonString() ?? "no status"}");
        foreach (var pod in await Api.ListAsync("/api/v1/namespaces/modulecontroller-system/pods", CancellationToken.None))
            lines.Add(await Api.LogAsync($"/api/v1/namespaces/modulecontroller-system/pods/{Name(pod)}", 15, CancellationToken.None));
        return string.Join('\n', lines);
    }

    private async Task StartAsync(CancellationToken cancellation)
    {
        var ports = new DemoPorts();
        var definitions = Directory.EnumerateFiles(Path.Combine(files.Deploy, "crds"), "module*.yaml").Order(StringComparer.Ordinal)
            .SelectMany(file => YamlObjects.Parse(File.ReadAllText(file))).ToList();
        await Api.ApplyAsync(definitions, cancellation);
        terminal.Line("applied deploy/crds", string.Join(", ", definitions.Select(definition => definition["spec"]!["names"]!["kind"])));
        foreach (var file in (string[])["namespace/namespace", "controller/service-account", "controller/cluster-role", "controller/lease-role", "controller/user-roles"])
            await Api.ApplyAsync(YamlObjects.Parse(await File.ReadAllTextAsync(Path.Combine(files.Deploy, $"{file}.yaml"), cancellation)), cancellation);
        terminal.Line("applied deploy/controller/*", "the controller's own ServiceAccount, and roles for all that it may do");
        await Api.ApplyAsync([Kubeconfig()], cancellation);
        var bases = options.BaseJar is null ? "base.yaml" : "base-jvm.yaml";
        await Api.ApplyAsync(YamlObjects.Parse(ports.Fill(Manifest("controller.yaml"))), cancellation);
        await Api.ApplyAsync(YamlObjects.Parse(ports.Fill(Manifest(bases))), cancellation);
        terminal.Line($"applied deploy/demo/controller.yaml, {bases}");

        await UntilAsync("the controller", async () => await AvailableAsync(Controller, cancellation) == 1, cancellation);
        _controllerReady = terminal.Elapsed;
        terminal.Good("the controller is ready", "a pod like any other: a process of this machine");
        var ready = 0;
        await UntilAsync($"{Pods} base pods", async () => (ready = await AvailableAsync(Base, cancellation)) == Pods, cancellation);
        terminal.Good($"{ready} base pods are ready", options.BaseJar is null ? "an agent and a simulated Arklet in each" : "an agent and a JVM in each");
    }

    private async Task InstallAsync(string jars, CancellationToken cancellation)
    {
        terminal.Chapter($"Install: {SampleModule.Name} {SampleModule.First} on {Pods} base pods");
        var shop = YamlObjects.Parse(Manifest("shop.yaml"))[0];
        shop["spec"]!["template"]!["spec"]!["module"] = Source(jars, SampleModule.First);
        await Api.ApplyAsync([shop], cancellation);
        terminal.Line("applied deploy/demo/shop.yaml", "a ModuleDeployment, and from it a ReplicaSet, Modules and a Service");
        await RolloutAsync(SampleModule.First, cancellation);
        await ShowAsync(cancellation);
    }

    private async Task UpgradeAsync(string jars, CancellationToken cancellation)
    {
        terminal.Chapter($"Upgrade: {SampleModule.Name} {SampleModule.First} → {SampleModule.Second}");
        terminal.Text("           Both versions answer on one path, so the old one goes first: pod by pod, out of the Service before it is touched.");
        await using var traffic = new ServiceTraffic(Api, _web, time, cancellation);
        await Api.PatchAsync(DemoApi.Shop, new()
        {
            ["spec"] = new JsonObject
            {
                ["template"] = new JsonObject { ["spec"] = new JsonObject { ["module"] = Source(jars, SampleModule.Second) } },
            },
        }, cancellation);
        var isYoung = terminal.Elapsed - _controllerReady < StartGrace;
        terminal.Line("patched the ModuleDeployment", $"version {SampleModule.Second}" + (isYoung ? "; a controller removes nothing in its first 10 s" : ""));
        await RolloutAsync(SampleModule.Second, cancellation);
        terminal.Line(await traffic.SummaryAsync());
        await ShowAsync(cancellation);
    }

    private async Task LoseAJvmAsync(CancellationToken cancellation)
    {
        var pod = (await Api.ListAsync(DemoApi.Pods, cancellation)).OrderBy(Name, StringComparer.Ordinal).First();
        var home = new UriBuilder("http", pod["status"]!["podIP"]!.GetValue<string>(), 8080).Uri;
        var words = (await _web.GetStringAsync(home, cancellation)).Split([' ', '"', '}', ','], StringSplitOptions.RemoveEmptyEntries);
        if (!int.TryParse(words.LastOrDefault(), CultureInfo.InvariantCulture, out var pid))
            throw new DemoException($"{home} was to answer with its process id: {string.Join(' ', words)}");

        var jvm = options.BaseJar is null ? "\"JVM\"" : "JVM";
        terminal.Chapter($"Kill a {jvm}: what is installed in it lives in its memory alone");
        await using var traffic = new ServiceTraffic(Api, _web, time, cancellation);
        using (var process = Process.GetProcessById(pid)) process.Kill();
        terminal.Bad($"kill -9 {pid}", $"the base of pod {Name(pod)}");

        var label = $"module.koupleless.io/{SampleModule.Name}";
        await PodAsync("the base's container to be restarted", found => Restarts(found) > Restarts(pod), cancellation);
        terminal.Line($"a new {jvm} starts", "empty; the pod is not ready, so the Service leaves it out");
        await PodAsync("the traffic label to go", found => found["metadata"]!["labels"]![label] is null, cancellation);
        terminal.Line("its traffic label is off", "the agent has told the controller of a new base life");
        await PodAsync("the module to be back", found => found["metadata"]!["labels"]![label]?.GetValue<string>() == "true", cancellation);
        await UntilAsync("the module to be served again", async () => (await Api.EndpointsAsync(cancellation)).Count == Pods, cancellation);
        terminal.Good($"{SampleModule.Name} {SampleModule.Second} is back", "replayed by the controller, and in the Service again");
        terminal.Line(await traffic.SummaryAsync());
        await ShowAsync(cancellation);

        Task PodAsync(string what, Func<JsonObject, bool> condition, CancellationToken cancellation) => UntilAsync(
            what, async () => await Api.FindAsync($"{DemoApi.Pods}/{Name(pod)}", cancellation) is { } found && condition(found), cancellation);
    }

    /// <summary>Tells each change of a Module until all of them are of this version, available and in the Service.</summary>
    private async Task RolloutAsync(string version, CancellationToken cancellation)
    {
        var shown = (await Api.ListAsync(DemoApi.Modules, cancellation)).ToDictionary(Name, module => (Text: TextOf(module), Module: module));
        await UntilAsync($"{Pods} modules of version {version}", async () =>
        {
            var modules = await Api.ListAsync(DemoApi.Modules, cancellation);
            foreach (var module in modules.OrderBy(PodOf, StringComparer.Ordinal)) Tell(module);
            foreach (var (name, last) in shown.Where(pair => modules.All(module => Name(module) != pair.Key)).ToList())
            {
                terminal.Line($"{VersionOf(last.Module)} is uninstalled", PodOf(last.Module));
                shown.Remove(name);
            }

            return modules.Count == Pods && modules.All(module => StatusOf(module) == "Available" && module["spec"]!["module"]!["version"]!.GetValue<string>() == version)
                && (await Api.EndpointsAsync(cancellation)).Count == Pods;
        }, cancellation);

        void Tell(JsonObject module)
        {
            var text = TextOf(module);
            if (StatusOf(module) == "Pending" || (shown.TryGetValue(Name(module), out var last) && last.Text == text)) return;
            shown[Name(module)] = (text, module);
            if (text.EndsWith("Available", StringComparison.Ordinal)) terminal.Good(text, PodOf(module));
            else if (StatusOf(module) == "Failed") terminal.Bad(text, $"{PodOf(module)} {module["status"]?["lastError"]?["reason"]}");
            else terminal.Line(text, PodOf(module));
        }
    }

    /// <summary>The modules by pod, each with what it answers itself.</summary>
    private async Task ShowAsync(CancellationToken cancellation)
    {
        var pods = (await Api.ListAsync(DemoApi.Pods, cancellation)).ToDictionary(Name);
        var rows = new List<IReadOnlyList<string>>();
        foreach (var module in (await Api.ListAsync(DemoApi.Modules, cancellation)).OrderBy(PodOf, StringComparer.Ordinal))
        {
            var ip = pods.GetValueOrDefault(PodOf(module))?["status"]?["podIP"]?.GetValue<string>() ?? "-";
            rows.Add([PodOf(module), ip, VersionOf(module), StatusOf(module), await AskAsync(new UriBuilder("http", ip, 8080, SampleModule.Page).Uri, cancellation)]);
        }

        terminal.Table(["POD", "ADDRESS", "MODULE", "STATUS", $"GET {SampleModule.Page}"], rows);
    }

    private async Task<string> AskAsync(Uri page, CancellationToken cancellation)
    {
        try
        {
            using var response = await _web.GetAsync(page, cancellation);
            return response.IsSuccessStatusCode ? (await response.Content.ReadAsStringAsync(cancellation)).Trim() : $"HTTP {(int)response.StatusCode}";
        }
        catch (HttpRequestException problem)
        {
            return problem.HttpRequestError.ToString();
        }
    }

    private async Task UntilAsync(string what, Func<Task<bool>> condition, CancellationToken cancellation)
    {
        WaitsFor = what;
        while (!await condition())
        {
            terminal.Waiting(what);
            await Task.Delay(Glance, time, cancellation);
        }
    }

    private async Task<int> AvailableAsync(string deployment, CancellationToken cancellation) =>
        (await Api.FindAsync(deployment, cancellation))?["status"]?["availableReplicas"]?.GetValue<int>() ?? 0;

    /// <summary>Where the controller finds the API server; its token is beside, in a volume that the kubelet keeps current.</summary>
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

    private static string Name(JsonObject resource) => resource["metadata"]!["name"]!.GetValue<string>();

    private static string PodOf(JsonObject module) => module["spec"]?["podName"]?.GetValue<string>() ?? "-";

    private static string VersionOf(JsonObject module) => $"{module["spec"]!["module"]!["name"]} {module["spec"]!["module"]!["version"]}";

    private static string TextOf(JsonObject module) =>
        $"{VersionOf(module)} {(module["metadata"]!["deletionTimestamp"] is null ? StatusOf(module) : "is leaving")}";

    private static string StatusOf(JsonObject module) => module["status"]?["status"]?.GetValue<string>() ?? "Pending";

    private static int Restarts(JsonObject pod) => pod["status"]?["containerStatuses"]?[0]?["restartCount"]?.GetValue<int>() ?? 0;

    private static bool IsTrue(JsonObject resource, string condition) => (resource["status"]?["conditions"]?.AsArray() ?? [])
        .Any(one => one!["type"]!.GetValue<string>() == condition && one["status"]!.GetValue<string>() == "True");
}
