using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Kube.Client;

namespace ModuleController.SystemTests.Harness;

/// <summary>What tests do with modules, and what they look at.</summary>
internal static class WorldModules
{
    private static readonly HttpClient Http = new(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.Zero });

    extension(World world)
    {
        public Task CreateAsync(ModuleDeployment deployment) =>
            world.Client.CreateAsync(deployment with { Metadata = deployment.Metadata with { Namespace = world.Namespace } }, "test");

        public Task<ModuleDeployment?> FindAsync(string name) => world.Client.FindAsync<ModuleDeployment>(new(world.Namespace, name));

        public Task PatchAsync(string name, JsonObject patch) =>
            world.Client.PatchAsync<ModuleDeployment>(new(world.Namespace, name), patch, new("test"));

        public Task PatchSpecAsync(string name, JsonObject spec) => world.PatchAsync(name, new() { ["spec"] = spec });

        public Task UpgradeAsync(string name, string version, string url) => world.PatchSpecAsync(name, new()
        {
            ["template"] = new JsonObject
            {
                ["spec"] = new JsonObject { ["module"] = new JsonObject { ["version"] = version, ["url"] = url } },
            },
        });

        public Task DeleteAsync(string name, PropagationPolicy? propagation = null) =>
            world.Client.DeleteAsync<ModuleDeployment>(new(world.Namespace, name), new() { Propagation = propagation });

        public IReadOnlyList<Module> ModulesOf(string name) =>
            [.. world.Modules.List().Where(module => module.Metadata.Labels.GetValueOrDefault(Labels.ModuleDeployment) == name)];

        /// <summary>Waits until the release is complete, as <c>kubectl wait</c> would, with so many modules of the version.</summary>
        public async Task AvailableAsync(string name, int count, string version, TimeSpan? within = null)
        {
            await Eventually.True(
                async () => world.ModulesOf(name).Where(module => module.IsAvailable && module.Spec.Module.Version == version)
                        .Select(module => module.Spec.PodUid).Distinct().Count() == count
                    && world.ModulesOf(name).Count == count
                    && await world.FindAsync(name) is { } deployment
                    && deployment.Status.ObservedGeneration == deployment.Metadata.Generation
                    && deployment.Status.UpdatedAvailableReplicas == count
                    && deployment.Status.ObservedReplicas == deployment.Spec.Replicas && deployment.Spec.ScaleReplicas == count
                    && deployment.Status.ReleaseStatus?.Progress == ReleaseProgress.Completed,
                () => world.DumpAsync(name), within, $"{name}: {count} of {version} available");
            await world.CaughtUpAsync();
        }

        /// <summary>Its modules have served for five minutes, as far as the API says, and the controller has noted that they
        /// lived.</summary>
        public async Task AgeAsync(string name)
        {
            var set = world.ModulesOf(name)[0].Metadata.Controller!.Uid;
            foreach (var module in world.ModulesOf(name))
            {
                var status = module.Status with
                {
                    Conditions = [.. module.Status.Conditions.Select(condition =>
                        condition with { LastTransitionTime = condition.LastTransitionTime - TimeSpan.FromMinutes(5) })],
                };
                var conditions = JsonSerializer.SerializeToNode(status, ModulesJson.Default.ModuleStatus)!["conditions"]!.DeepClone();
                await world.Client.PatchAsync<Module>(ObjectKey.Of(module.Metadata),
                    new() { ["status"] = new JsonObject { ["conditions"] = conditions } }, new("test") { Subresource = "status" });
            }

            await Eventually.True(
                async () =>
                    (await world.SetsOfAsync(name))
                    .Any(found => found.Metadata.Uid == set && found.Metadata.Annotations.ContainsKey(Annotations.LivedAt)),
                () => world.DumpAsync(name), what: $"it is noted that {name} has lived");
            await world.CaughtUpAsync();
        }

        public async Task GoneAsync(string name)
        {
            await Eventually.True(
                async () =>
                    world.ModulesOf(name).Count == 0 && await world.FindAsync(name) is null, () =>
                    world.DumpAsync(name), what: $"{name} is gone");
            await world.CaughtUpAsync();
        }

        public bool HasLabel(Pod pod, string module) =>
            world.Pods.Get(ObjectKey.Of(pod.Metadata))?.Metadata.Labels.GetValueOrDefault(Labels.Traffic(module)) == "true";

        /// <summary>What a module answers through each endpoint of its generated Service, in no order.</summary>
        public async Task<IReadOnlyList<string>> AnswersAsync(string service, string path)
        {
            var answers = new List<string>();
            foreach (var endpoint in await world.EndpointsAsync(service))
            {
                using var response = await Http.GetAsync(new Uri($"http://{endpoint}/{path}"));
                answers.Add(response.IsSuccessStatusCode
                    ? (await response.Content.ReadAsStringAsync()).Trim() : $"{(int)response.StatusCode}");
            }

            return answers;
        }

        /// <summary>Addresses and ports of the Service; somebody else's API server refuses loopback endpoints, so there it is the
        /// pods that its selector finds.</summary>
        public async Task<IReadOnlyList<string>> EndpointsAsync(string service)
        {
            if (world.Cluster is null)
            {
                var spec = (await world.Client.FindAsync<Service>(new(world.Namespace, service)))!.Spec;
                return [.. world.Pods.List()
                    .Where(pod => spec.Selector.All(pair => pod.Metadata.Labels.GetValueOrDefault(pair.Key) == pair.Value)
                        && pod.Status.Conditions.IsTrue("Ready") && !pod.Metadata.IsDeleting)
                    .Select(pod => $"{pod.Status.PodIp}:{spec.Ports[0].TargetPort}")];
            }

            var slices = await world.Client.ListAllAsync<EndpointSlice>(
                new() { Namespace = world.Namespace, LabelSelector = $"kubernetes.io/service-name={service}" });
            return [.. slices.SelectMany(slice => slice.Endpoints.Where(endpoint => endpoint.Conditions?.Ready == true)
                .Select(endpoint => $"{endpoint.Addresses[0]}:{slice.Ports[0].Port}"))];
        }

        public async Task<IReadOnlyList<Event>> EventsAsync(string involved) =>
            [.. (await world.Client.ListAllAsync<Event>(new() { Namespace = world.Namespace }))
                .Where(e => e.InvolvedObject?.Name == involved)];

        /// <summary>What an operator would look at, for the message of a failed test.</summary>
        public async Task<string> DumpAsync(string name)
        {
            var deployment = await world.FindAsync(name);
            var lines = new List<string>
            {
                deployment is null ? $"no ModuleDeployment {name}"
                    : $"{name}: generation {deployment.Metadata.Generation}, {deployment.Status}, {deployment.Status.ReleaseStatus}",
            };
            lines.AddRange(
                deployment?.Status.Conditions.Select(condition =>
                $"  {condition.Type}={condition.Status} {condition.Reason}: {condition.Message}") ?? []);
            foreach (var set in (await world.Client.ListAllAsync<ModuleReplicaSet>(new() { Namespace = world.Namespace }))
                .Where(set => set.Metadata.Controller?.Name == name))
                lines.Add($"  set {set.Metadata.Name}: goal {set.Spec.Replicas}, {set.Status}");
            foreach (var module in world.ModulesOf(name))
            {
                lines.Add(
                    $"  module {module.Metadata.Name} on {module.Spec.PodName}: {module.Spec.Module.Version} {module.Status.Status} "
                        + $"{module.Status.Message} "
                    + $"replaces={module.Spec.Replaces} deleting={module.Metadata.IsDeleting} attempts={module.Status.Attempts} "
                        + $"{module.Status.LastError}");
            }

            foreach (var (uid, simulated) in world.Images.Living)
                lines.Add($"  base {uid}: {string.Join(", ", simulated.Biz.Select(biz => $"{biz.Key} {biz.Value}"))}");
            lines.AddRange((await world.Client.ListAllAsync<Event>(new() { Namespace = world.Namespace }))
                .Select(e => $"  event {e.Type} {e.Reason} {e.InvolvedObject?.Kind}/{e.InvolvedObject?.Name}: {e.Message} x{e.Count}"));
            lines.AddRange(
                world.Log.Lines.Where(line => line.Level >= LogLevel.Information && line.Message.Contains(name, StringComparison.Ordinal))
                .TakeLast(60).Select(line => $"  log {line}"));
            return string.Join('\n', lines);
        }
    }
}
