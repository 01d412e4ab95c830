namespace ModuleController.Agent.Arklet;

/// <summary>
/// The Arklet of one base JVM. Failures of the JVM are outcomes, not exceptions. A command ends when it is answered or cancelled. A
/// cancelled command is <see cref="ArkletOutcome.Unknown"/> if it was sent, else <see cref="ArkletOutcome.Unreachable"/>. A cancelled query
/// throws.
/// </summary>
public interface IArklet
{
    /// <summary>Installs the jar at <paramref name="jar"/> (a <c>file://</c> URL); name and version must equal its manifest.</summary>
    Task<ArkletResult> InstallAsync(string name, string version, Uri jar, CancellationToken cancellation);

    Task<ArkletResult> UninstallAsync(string name, string version, CancellationToken cancellation);

    Task<ArkletResult> SwitchAsync(string name, string version, CancellationToken cancellation);

    /// <summary>All biz of the JVM except the base itself; null: no valid answer.</summary>
    Task<IReadOnlyList<ArkletBiz>?> QueryAllAsync(CancellationToken cancellation);

    /// <summary>Figures and run time of the JVM. One query at a time: Arklet mixes up concurrent answers.</summary>
    Task<HealthAnswer> HealthAsync(CancellationToken cancellation);
}
