namespace ModuleController.Dev.Kubelet;

/// <summary>One node of the cluster: a name, and where its pods' files lie.</summary>
public sealed record KubeletOptions
{
    public string NodeName { get; init; } = "devcluster";

    /// <summary>Pods' volumes lie below it; removed with the pod.</summary>
    public required string Directory { get; init; }

    /// <summary>Labels of the Node, for pods that select it.</summary>
    public IReadOnlyDictionary<string, string> NodeLabels { get; init; } = new Dictionary<string, string>();

    /// <summary>How often the node says that it lives.</summary>
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromSeconds(10);
}
