using System.Globalization;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Rollouts;

/// <summary>Which batch is confirmed. A number that is set when a release or deletion begins was meant for another one.</summary>
internal static class Confirmation
{
    /// <summary>The number that a release or deletion ignores which begins now; null: none.</summary>
    public static int? FoundAtStart(ModuleDeployment deployment) => deployment.Spec.ConfirmBatchNum is > 0 and var found ? found : null;

    /// <summary>The number that the current release or deletion still ignores. Once changed, it counts when it is set again.</summary>
    public static int? StillIgnored(ModuleDeployment deployment, ReleaseStatus release) =>
        deployment.Spec.ConfirmBatchNum == release.IgnoredConfirmBatchNum ? release.IgnoredConfirmBatchNum : null;

    /// <summary>Why a number that is set does not count, and what to do; empty: none is ignored.</summary>
    public static string Ignored(ReleaseStatus release, string what) => release.IgnoredConfirmBatchNum is not { } number
        ? ""
        : string.Create(CultureInfo.InvariantCulture,
            $"; confirmBatchNum was already {number} when the {what} began and does not count: change it to another number, or set the "
            + $"annotation {Annotations.Action}: confirm");

    /// <summary>The highest batch that may be followed by another one; 0: none.</summary>
    public static int Of(ModuleDeployment deployment, ReleaseStatus release) =>
        deployment.Spec.ConfirmBatchNum is { } confirmed && confirmed != release.IgnoredConfirmBatchNum ? confirmed : 0;
}
