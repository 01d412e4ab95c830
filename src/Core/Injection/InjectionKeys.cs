namespace ModuleController.Core.Injection;

/// <summary>Labels and annotations that control the injection of the agent.</summary>
public static class InjectionKeys
{
    /// <summary>Label of a pod: "true" requests the agent, "false" never gets one.</summary>
    public const string Inject = "koupleless.io/inject";

    /// <summary>Label of a pod, with any value: requests the agent in namespaces with <see cref="NamespaceInjection"/>.</summary>
    public const string Base = "koupleless.io/base";

    /// <summary>Label of a Namespace, with <see cref="Enabled"/>: pods with <see cref="Base"/> get the agent.</summary>
    public const string NamespaceInjection = "koupleless.io/injection";

    public const string Enabled = "enabled";

    // The rest are annotations of the pod.
    public const string BaseContainer = "koupleless.io/base-container";
    public const string ArkletPort = "koupleless.io/arklet-port";
    public const string AgentImage = "koupleless.io/agent-image";
    public const string CpuRequest = "koupleless.io/agent-cpu-request";
    public const string CpuLimit = "koupleless.io/agent-cpu-limit";
    public const string MemoryRequest = "koupleless.io/agent-memory-request";
    public const string MemoryLimit = "koupleless.io/agent-memory-limit";
    public const string ReadinessGate = "koupleless.io/readiness-gate";
    public const string JvmFlags = "koupleless.io/jvm-flags";
    public const string ArtifactCa = "koupleless.io/artifact-ca";
    public const string ArtifactCredentials = "koupleless.io/artifact-credentials";
    public const string ArtifactProxy = "koupleless.io/artifact-proxy";

    /// <summary>Written by us: whether the pod has the agent, and what could not be done.</summary>
    public const string Status = "koupleless.io/injection-status";
}
