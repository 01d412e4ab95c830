using System.Globalization;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Placement;

/// <summary>The base Deployment, and who decides about the number of its pods.</summary>
/// <param name="Autoscaler">The HorizontalPodAutoscaler that holds it; null: none does.</param>
public sealed record BaseDeployment(Deployment Deployment, string? Autoscaler = null)
{
    public string Name => Deployment.Metadata.Name;

    public int Replicas => Deployment.Spec.Replicas ?? 1;

    /// <summary>Its ReplicaSet can't make the pods it is to have, for a quota or an admission: nobody knows whether they ever come.</summary>
    public bool IsRefusedPods => Deployment.Status.Conditions.IsTrue("ReplicaFailure");

    /// <summary>What we have added to the number of its pods and not taken back yet.</summary>
    public SurgePods? Added => SurgePods.Parse(Deployment.Metadata.Annotations.GetValueOrDefault(Annotations.AddedReplicas));

    public bool IsOptedIn => Deployment.Metadata.Annotations.GetValueOrDefault(Annotations.AllowBaseScaling) == "true";

    public bool MayBeScaled => IsOptedIn && Autoscaler is null;

    /// <summary>No more pods than these are ever added: as many as it has without them, or what its annotation says. A limit
    /// that can't be read allows none.</summary>
    public int MostAdded
    {
        get
        {
            var own = Math.Max(0, Replicas - (Added?.Count ?? 0));
            if (!Deployment.Metadata.Annotations.TryGetValue(Annotations.MaxAddedReplicas, out var text)) return Math.Max(1, own);
            var isShare = text.EndsWith('%');
            return !int.TryParse(isShare ? text[..^1] : text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? 0
                : isShare ? (int)Math.Min(int.MaxValue, (((long)value * own) + 99) / 100)
                : value;
        }
    }

    /// <summary>What an operator can do where a new version finds no other pod.</summary>
    public string Advice => this switch
    {
        { Autoscaler: { } held } => $"HorizontalPodAutoscaler {held} decides how many there are: raise its minReplicas for the time of the release",
        { IsOptedIn: false } => $"scale Deployment {Name} up for the time of the release, or allow us to, with the annotation "
            + $"{Annotations.AllowBaseScaling}: \"true\" on it",
        { Added.IsVeto: true } => $"somebody else set the number of pods of Deployment {Name} during this release: scale it up for the time of the release",
        _ when (Added?.Count ?? 0) >= MostAdded =>
            string.Create(CultureInfo.InvariantCulture, $"no more than {MostAdded} pods are added to Deployment {Name} ({Annotations.MaxAddedReplicas})"),
        _ => $"Deployment {Name} is scaled up for it",
    };
}

/// <summary>How many base pods we added, and the number that made: <c>2 of 6</c>. Should the base have another number, somebody
/// else has set it since, and it is theirs. <c>0 of 4</c>: it is theirs until the release is over.</summary>
public sealed record SurgePods(int Count, int Total)
{
    /// <summary>Somebody else set the number, and nothing is added until the release is over.</summary>
    public bool IsVeto => Count == 0;

    public static SurgePods Veto(int total) => new(0, total);

    public static SurgePods? Parse(string? text) => text?.Split(" of ") is [var count, var total]
        && int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out var added)
        && int.TryParse(total, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? new(added, number)
            : null;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Count} of {Total}");
}
