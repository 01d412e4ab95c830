namespace ModuleController.Dev.Kubelet;

/// <summary>The options of one node.</summary>
public sealed record KubeletOptions
{
    public string NodeName { get; init; } = "devcluster";

    /// <summary>The directory of pods' volumes, which are removed with the pod.</summary>
    public required string Directory { get; init; }

    /// <summary>Labels of the Node, for pods that select it.</summary>
    public IReadOnlyDictionary<string, string> NodeLabels { get; init; } = new Dictionary<string, string>();

    /// <summary>The interval between renewals of the node's Lease.</summary>
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromSeconds(10);
}
