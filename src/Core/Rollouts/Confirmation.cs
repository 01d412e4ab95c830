using System.Globalization;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Rollouts;

/// <summary>Which batch is confirmed. The number that is there when a release or a deletion begins was meant for another one.</summary>
internal static class Confirmation
{
    /// <summary>The number to ignore by what begins in this look; null: there is none.</summary>
    public static int? FoundAtStart(ModuleDeployment deployment) => deployment.Spec.ConfirmBatchNum is > 0 and var found ? found : null;

    /// <summary>The number to ignore by what is under way: once it was changed, it counts when it comes back.</summary>
    public static int? StillIgnored(ModuleDeployment deployment, ReleaseStatus release) =>
        deployment.Spec.ConfirmBatchNum == release.IgnoredConfirmBatchNum ? release.IgnoredConfirmBatchNum : null;

    /// <summary>Why a number that is set confirms nothing, and what to do; empty: none is ignored.</summary>
    public static string Ignored(ReleaseStatus release, string what) => release.IgnoredConfirmBatchNum is not { } number ? "" : string.Create(
        CultureInfo.InvariantCulture,
        $"; confirmBatchNum was already {number} when the {what} began and does not count: change it to another number, or set the annotation "
        + $"{Annotations.Action}: confirm");

    /// <summary>The highest batch that may be followed by another one; 0: none.</summary>
    public static int Of(ModuleDeployment deployment, ReleaseStatus release) =>
        deployment.Spec.ConfirmBatchNum is { } confirmed && confirmed != release.IgnoredConfirmBatchNum ? confirmed : 0;
}
