namespace ModuleController.Core.Injection;

/// <summary>Names and paths of what injection adds to a pod.</summary>
internal static class AgentPaths
{
    public const string Container = "agent";

    public const string StateVolume = "agent-modules";
    public const string TokenVolume = "agent-token";
    public const string CaVolume = "agent-ca";
    public const string TemporaryVolume = "agent-tmp";
    public const string ArtifactCaVolume = "agent-artifact-ca";
    public const string ArtifactCredentialsVolume = "agent-artifact-credentials";

    /// <summary>At the same path in both containers: Arklet receives file:// urls below it.</summary>
    public const string State = "/var/lib/modulecontroller";

    public const string Token = "/var/run/modulecontroller/token";
    public const string Ca = "/var/run/modulecontroller/ca";
    public const string ArtifactCa = "/var/run/modulecontroller/artifact-ca";
    public const string ArtifactCredentials = "/var/run/modulecontroller/artifact-credentials";

    public static IReadOnlyList<string> Volumes { get; } =
        [StateVolume, TokenVolume, CaVolume, TemporaryVolume, ArtifactCaVolume, ArtifactCredentialsVolume];
}
