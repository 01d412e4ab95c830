using System.Globalization;
using System.Text.Json.Nodes;
using ModuleController.ControlPlane.Observing;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules.Names;

namespace ModuleController.ControlPlane.Reconcilers.Execution;

/// <summary>The labels about module counts on the base Deployment, at most every 10 s.</summary>
internal sealed class CountLabels(Caches caches)
{
    private readonly WriteInterval _interval = new(TimeSpan.FromSeconds(10));

    public void Forget(ObjectKey key) => _interval.Forget(key);

    /// <returns>When labels that are deferred are due; null: none are.</returns>
    public async Task<DateTimeOffset?> WriteAsync(ObjectKey key, IReadOnlyList<int> counts, DateTimeOffset now, Writes writes)
    {
        if (caches.Deployments.Get(key) is not { Metadata.IsDeleting: false } deployment) return null;
        (string Label, string Value)[] labels =
        [
            (Labels.MaxCountOnBase, counts.Max().ToString(CultureInfo.InvariantCulture)),
            (Labels.MinCountOnBase, counts.Min().ToString(CultureInfo.InvariantCulture)),
            (Labels.AverageCountOnBase, counts.Average().ToString("0.##", CultureInfo.InvariantCulture)),
        ];
        var changed = labels.Where(label => deployment.Metadata.Labels.GetValueOrDefault(label.Label) != label.Value).ToList();
        if (changed.Count == 0) return null;
        if (_interval.NextAt(key, now) is { } later) return later;
        await writes.PatchAsync(deployment, new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["uid"] = deployment.Metadata.Uid,
                ["labels"] = new JsonObject(changed.Select(label => KeyValuePair.Create(label.Label, (JsonNode?)label.Value))),
            },
        });
        _interval.Wrote(key, now);
        return null;
    }
}
