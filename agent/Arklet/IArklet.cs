namespace ModuleController.Agent.Arklet;

/// <summary>
/// The Arklet of one base JVM: five commands over HTTP on localhost. Never throws for what the JVM did or failed to do.
/// Commands have no time limit but their token, and a cancelled one is an outcome too: <see cref="ArkletOutcome.Unknown"/>
/// once it was sent, <see cref="ArkletOutcome.Unreachable"/> before. A cancelled query throws.
/// </summary>
public interface IArklet
{
    /// <summary>Installs the jar at <paramref name="jar"/> (a <c>file://</c> URL); name and version must equal its manifest.</summary>
    Task<ArkletResult> InstallAsync(string name, string version, Uri jar, CancellationToken cancellation);

    Task<ArkletResult> UninstallAsync(string name, string version, CancellationToken cancellation);

    Task<ArkletResult> SwitchAsync(string name, string version, CancellationToken cancellation);

    /// <summary>All biz of the JVM but the base itself; null when Arklet did not answer in time or not intelligibly.</summary>
    Task<IReadOnlyList<ArkletBiz>?> QueryAllAsync(CancellationToken cancellation);

    /// <summary>JVM figures and run time; never two at once (Arklet mixes concurrent answers).</summary>
    Task<HealthAnswer> HealthAsync(CancellationToken cancellation);
}
