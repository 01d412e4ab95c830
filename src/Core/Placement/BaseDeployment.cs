using System.Globalization;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Placement;

/// <summary>The base Deployment, and who decides about the number of its pods.</summary>
/// <param name="Autoscaler">The HorizontalPodAutoscaler that targets it; null: none.</param>
public sealed record BaseDeployment(Deployment Deployment, string? Autoscaler = null)
{
    public string Name => Deployment.Metadata.Name;

    public int Replicas => Deployment.Spec.Replicas ?? 1;

    /// <summary>A quota or an admission webhook denies its ReplicaSet new pods.</summary>
    public bool IsRefusedPods => Deployment.Status.Conditions.IsTrue("ReplicaFailure");

    /// <summary>The surge pods that were added and not removed yet.</summary>
    public SurgePods? Surge => SurgePods.Parse(Deployment.Metadata.Annotations.GetValueOrDefault(Annotations.AddedReplicas));

    /// <summary>There were surge pods, and somebody else decides about the number of pods now. Until the annotation is removed at the end
    /// of the release, no pods are added: a GitOps tool would set the number back each time.</summary>
    public bool IsOverruled => Surge is { } surge && (surge.Total != Replicas || Autoscaler is not null);

    public bool IsOptedIn => Deployment.Metadata.Annotations.GetValueOrDefault(Annotations.AllowBaseScaling) == "true";

    public bool MayBeScaled => IsOptedIn && Autoscaler is null && !IsOverruled;

    /// <summary>At most this many surge pods: as many as the base has of its own, or the annotation's number or percentage. A malformed
    /// limit is 0.</summary>
    public int SurgeLimit
    {
        get
        {
            var own = Math.Max(0, Replicas - (Surge?.Count ?? 0));
            if (!Deployment.Metadata.Annotations.TryGetValue(Annotations.MaxAddedReplicas, out var text)) return Math.Max(1, own);
            var isPercentage = text.EndsWith('%');
            return !int.TryParse(isPercentage ? text[..^1] : text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? 0
                : isPercentage ? (int)Math.Min(int.MaxValue, (((long)value * own) + 99) / 100)
                : value;
        }
    }

    /// <summary>What an operator can do if a new version finds no other pod.</summary>
    public string Advice => this switch
    {
        { Autoscaler: { } autoscaler } =>
            $"HorizontalPodAutoscaler {autoscaler} decides how many there are: raise its minReplicas for the time of the release",
        { IsOptedIn: false } => $"scale Deployment {Name} up for the time of the release, or let the controller do it: "
            + $"set the annotation {Annotations.AllowBaseScaling}: \"true\" on the Deployment",
        { IsOverruled: true } => $"somebody else set the number of pods of Deployment {Name} during this release: "
            + "scale it up for the time of the release",
        _ when (Surge?.Count ?? 0) >= SurgeLimit => string.Create(CultureInfo.InvariantCulture,
            $"no more than {SurgeLimit} pods are added to Deployment {Name} ({Annotations.MaxAddedReplicas})"),
        _ => $"Deployment {Name} is scaled up for it",
    };
}

/// <summary>How many base pods are surge pods, and the number of pods together with them: <c>2 of 6</c>.</summary>
public sealed record SurgePods(int Count, int Total)
{
    public static SurgePods? Parse(string? text) => text?.Split(" of ") is [var count, var total]
        && int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out var surge) && surge > 0
        && int.TryParse(total, NumberStyles.None, CultureInfo.InvariantCulture, out var all)
            ? new(surge, all)
            : null;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Count} of {Total}");
}
