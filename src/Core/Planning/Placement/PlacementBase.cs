using System.Globalization;
using ModuleController.Core.Builtin;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Planning;

/// <summary>The base Deployment, and who decides about the number of its pods.</summary>
/// <param name="Autoscaler">The HorizontalPodAutoscaler that holds it; null: none does.</param>
public sealed record PlacementBase(Deployment Deployment, string? Autoscaler = null)
{
    public string Name => Deployment.Metadata.Name;

    public int Replicas => Deployment.Spec.Replicas ?? 1;

    /// <summary>What we have added to the number of its pods and not taken back yet.</summary>
    public AddedPods? Added => AddedPods.Parse(Deployment.Metadata.Annotations.GetValueOrDefault(Annotations.AddedReplicas));

    public bool IsOptedIn => Deployment.Metadata.Annotations.GetValueOrDefault(Annotations.AllowBaseScaling) == "true";

    public bool MayBeScaled => IsOptedIn && Autoscaler is null;

    /// <summary>What an operator can do where a new version finds no other pod.</summary>
    public string Advice => Autoscaler is { } held
        ? $"HorizontalPodAutoscaler {held} decides how many there are: raise its minReplicas for the time of the release"
        : IsOptedIn
            ? $"Deployment {Name} is scaled up for it"
            : $"scale Deployment {Name} up for the time of the release, or allow us to, with the annotation {Annotations.AllowBaseScaling}: \"true\" on it";
}

/// <summary>How many base pods we added, and the number that made: <c>2 of 6</c>. Should the base have another number, somebody
/// else has set it since, and it is theirs.</summary>
public sealed record AddedPods(int Count, int Total)
{
    public static AddedPods? Parse(string? text) => text?.Split(" of ") is [var count, var total]
        && int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out var added) && added > 0
        && int.TryParse(total, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? new(added, number)
            : null;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Count} of {Total}");
}
