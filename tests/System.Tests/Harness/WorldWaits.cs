using System.Text;
using System.Text.Json.Nodes;
using k8s;
using ModuleController.Core.Builtin;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Dev.ArkletSimulator;

namespace ModuleController.SystemTests.Harness;

/// <summary>What tests wait for, and what they do to bases behind the controller's back.</summary>
internal static class WorldWaits
{
    private static readonly HttpClient Http = new();

    extension(World world)
    {
        public async Task<IReadOnlyList<ModuleReplicaSet>> SetsOfAsync(string name) =>
            [.. (await world.Client.ListAllAsync<ModuleReplicaSet>(new() { Namespace = world.Namespace }))
                .Where(set => set.Metadata.Labels.GetValueOrDefault(Labels.ModuleDeployment) == name)
                .OrderBy(Revision)];

        /// <summary>Until a Module of the ModuleDeployment has failed for this reason, for good or to be tried again.</summary>
        public async Task<Module> FailedAsync(string name, FailureReason reason)
        {
            var found = default(Module);
            await Eventually.True(
                () => (found = world.ModulesOf(name).FirstOrDefault(module =>
                    !module.IsAvailable && module.Status.LastError?.Reason == reason.ToString())) is not null,
                () => world.DumpAsync(name).Result, what: $"a module of {name} failed with {reason}");
            await world.CaughtUpAsync();
            return found!;
        }

        public async Task ConditionAsync(string name, string type, string status, string reason)
        {
            await Eventually.True(
                async () => (await world.FindAsync(name))?.Status.Conditions.Find(type) is { } condition
                    && condition.Status == status && condition.Reason == reason,
                () => world.DumpAsync(name), what: $"{name}: {type}={status} {reason}");
            await world.CaughtUpAsync();
        }

        public async Task WarningAsync(string involved, string reason, string fragment = "")
        {
            await Eventually.True(
                async () => (await world.EventsAsync(involved)).Any(e =>
                    e.Type == "Warning" && e.Reason == reason && (e.Message ?? "").Contains(fragment, StringComparison.Ordinal)),
                () => world.DumpAsync(involved), what: $"a Warning {reason} on {involved} with \"{fragment}\"");
            await world.CaughtUpAsync();
        }

        public async Task HoldsAsync(Func<bool> condition, string name, string what)
        {
            await Eventually.True(condition, () => world.DumpAsync(name).Result, what: what);
            await world.CaughtUpAsync();
        }

        /// <summary>How a biz behaves on all bases that live now, from its next install on.</summary>
        public void Order(string biz, BizBehavior? behavior)
        {
            foreach (var (_, simulated) in world.Images.Living) simulated.Order(biz, behavior);
        }

        public Pod PodOf(Module module) => world.PodsOf("base").Single(pod => pod.Metadata.Uid == module.Spec.PodUid);

        public SimulatedBase BaseOf(Module module) => world.Images.Of(module.Spec.PodUid!);

        public int InstallsOf(string biz) => world.Images.AllLives.Sum(life => life.InstallsStarted.GetValueOrDefault(biz));

        /// <summary>As <c>kubectl drain</c> does.</summary>
        public async Task EvictAsync(Pod pod)
        {
            using var client = new Kubernetes(KubernetesClientConfiguration.BuildConfigFromConfigFile(world.Kubeconfig));
            await client.CoreV1.CreateNamespacedPodEvictionAsync(
                new() { Metadata = new() { Name = pod.Metadata.Name, NamespaceProperty = pod.Metadata.Namespace } },
                pod.Metadata.Name, pod.Metadata.Namespace);
        }

        /// <summary>Whether each life of each base started each version at most once.</summary>
        public void AssertNothingWasInstalledTwice(string module) => Assert.All(world.Images.AllLives, life => Assert.All(
            life.InstallsStarted.Where(pair => pair.Key.StartsWith($"{module}:", StringComparison.Ordinal)),
            pair => Assert.True(pair.Value <= 1, $"{pair.Key} was installed {pair.Value} times in life {life.Life}")));

        /// <summary>As somebody with curl would, past the controller and its agent.</summary>
        public async Task InstallByHandAsync(Pod pod, string name, string version, string url) =>
            await ArkletAsync(pod, "installBiz", new() { ["bizName"] = name, ["bizVersion"] = version, ["bizUrl"] = url });

        public async Task UninstallByHandAsync(Pod pod, string name, string version) =>
            await ArkletAsync(pod, "uninstallBiz", new() { ["bizName"] = name, ["bizVersion"] = version });
    }

    public static long Revision(ModuleReplicaSet set) =>
        long.Parse(set.Metadata.Labels.GetValueOrDefault(Labels.Revision) ?? "0", System.Globalization.CultureInfo.InvariantCulture);

    private static async Task ArkletAsync(Pod pod, string command, JsonObject body)
    {
        using var content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");   // Arklet reads no chunks
        using var response = await Http.PostAsync(new Uri($"http://{pod.Status.PodIp}:1238/{command}"), content);
        var answer = await response.Content.ReadAsStringAsync();
        Assert.Contains("\"code\":\"SUCCESS\"", answer, StringComparison.Ordinal);
    }
}
