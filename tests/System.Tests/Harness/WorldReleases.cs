using System.Text.Json.Nodes;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;

namespace ModuleController.SystemTests.Harness;

/// <summary>What an operator asks of a release, and what one then sees of it.</summary>
internal static class WorldReleases
{
    extension(World world)
    {
        /// <summary>Creates it and waits until its first release is complete.</summary>
        public async Task InstalledAsync(ModuleDeployment deployment)
        {
            await world.CreateAsync(deployment);
            var replicas = deployment.Spec.Replicas!.Value;
            var count = replicas < 0 ? world.PodsOf(deployment.Spec.BaseDeploymentName).Count : replicas;
            await world.AvailableAsync(deployment.Metadata.Name, count, deployment.Spec.Template.Spec.Module.Version);
        }

        public Task ConfirmAsync(string name, int batch) => world.PatchSpecAsync(name, new() { ["confirmBatchNum"] = batch });

        public Task StrategyAsync(string name, JsonObject strategy) =>
            world.PatchSpecAsync(name, new() { ["operationStrategy"] = strategy });

        /// <summary>As an autoscaler does.</summary>
        public Task ScaleAsync(string name, int replicas) => world.Client.PatchSubresourceAsync<ModuleDeployment>(
            new(world.Namespace, name), "scale", new() { ["spec"] = new JsonObject { ["replicas"] = replicas } }, new("autoscaler"));

        /// <summary>As <c>kubectl annotate</c> does.</summary>
        public Task ActAsync(string name, string action, string? by = null, string? reason = null) => world.PatchAsync(name, new()
        {
            ["metadata"] = new JsonObject
            {
                ["annotations"] = new JsonObject
                {
                    [Annotations.Action] = action,
                    [Annotations.ActionBy] = by,
                    [Annotations.ActionReason] = reason,
                },
            },
        });

        /// <summary>Sets an annotation of the namespace, or with null takes it away.</summary>
        public async Task FreezeAsync(string annotation, string? reason, string? by = null)
        {
            await world.Client.PatchAsync<Namespace>(
                new("", world.Namespace),
                new()
                {
                    ["metadata"] = new JsonObject
                    {
                        ["annotations"] = new JsonObject { [annotation] = reason, [Annotations.FreezeBy] = by }
                    },
                },
                new("test"));
            await world.FrozenAsync(annotation, reason);
        }

        /// <summary>Until the controller knows of it: the watch of namespaces may be later than that of what is released next.</summary>
        public Task FrozenAsync(string annotation, string? reason) => Eventually.True(
            () => world.Controller!.Caches.Namespaces.Get(new("", world.Namespace)) is { } found
                && found.Metadata.Annotations.GetValueOrDefault(annotation) == reason,
            what: $"the controller sees {annotation}={reason}");

        /// <summary>Until the status, about the spec as it is now, meets the condition.</summary>
        public async Task<ModuleDeployment> SeenAsync(string name, Func<ModuleDeployment, bool> condition, string what,
            TimeSpan? within = null)
        {
            var found = default(ModuleDeployment);
            await Eventually.True(
                async () => (found = await world.FindAsync(name)) is { } deployment
                    && deployment.Status.ObservedGeneration == deployment.Metadata.Generation && condition(deployment),
                () => world.DumpAsync(name), within, $"{name}: {what}");
            await world.CaughtUpAsync();
            return found!;
        }

        /// <summary>Until the release rests after a batch, with so many of the new version available.</summary>
        public async Task<ModuleDeployment> WaitsForConfirmationAsync(string name, int batch, int updated)
        {
            var seen = await world.SeenAsync(
                name,
                deployment => deployment.Status.ReleaseStatus is
                { Progress: ReleaseProgress.Paused, BatchProgress: ReleaseProgress.WaitingForConfirmation } release
                    && release.CurrentBatch == batch && deployment.Status.UpdatedAvailableReplicas == updated
                    && deployment.Status.Conditions.Find(DeploymentConditions.Progressing)?.Reason == Reasons.WaitingForConfirmation,
                $"waits for the confirmation of batch {batch} with {updated} updated");
            var progressing = seen.Status.Conditions.Find(DeploymentConditions.Progressing)!;
            Assert.Equal(Condition.Unknown, progressing.Status);
            Assert.Contains($"waiting for confirmation of batch {batch}", progressing.Message, StringComparison.Ordinal);
            return seen;
        }

        /// <summary>Until the Progressing condition, about the spec as it is now, has this reason.</summary>
        public Task<ModuleDeployment> RestsAsync(string name, string reason, string fragment = "") => world.SeenAsync(
            name,
            deployment => deployment.Status.Conditions.Find(DeploymentConditions.Progressing) is { } condition
                && condition.Reason == reason && (condition.Message ?? "").Contains(fragment, StringComparison.Ordinal),
            $"Progressing says {reason} \"{fragment}\"");

        /// <summary>Until so many live Modules of the version are available, and so many of another one.</summary>
        public async Task SharesAsync(string name, params (string Version, int Count)[] shares)
        {
            await Eventually.True(
                () => world.ModulesOf(name).Count == shares.Sum(share => share.Count)
                    && shares.All(share => share.Count == world.ModulesOf(name).Count(
                        module => module.IsAvailable && module.Spec.Module.Version == share.Version)),
                () => world.DumpAsync(name).Result, what: $"{name}: {string.Join(", ", shares)} available and nothing else");
            await world.CaughtUpAsync();
        }

        /// <summary>An Event of any type; waited for, since Events come after the fact.</summary>
        public Task EventAsync(string involved, string reason, string fragment = "") => Eventually.True(
            async () => (await world.EventsAsync(involved)).Any(e =>
                e.Reason == reason && (e.Message ?? "").Contains(fragment, StringComparison.Ordinal)),
            () => world.DumpAsync(involved), what: $"an Event {reason} on {involved} with \"{fragment}\"");

        /// <summary>The record of the last action, once it is the one meant.</summary>
        public async Task<JsonObject> ActedAsync(string name, string action)
        {
            var record = default(JsonObject);
            await Eventually.True(
                async () => (await world.FindAsync(name))!.Metadata.Annotations is { } annotations
                    && !annotations.ContainsKey(Annotations.Action)
                    && annotations.TryGetValue(Annotations.LastAction, out var text)
                    && (record = JsonNode.Parse(text)!.AsObject())["action"]!.GetValue<string>() == action,
                () => world.DumpAsync(name), what: $"{name}: {action} is carried out");
            return record!;
        }

        public async Task CleanUpAsync(string name)
        {
            await world.DeleteAsync(name);
            await world.GoneAsync(name);
        }
    }
}
