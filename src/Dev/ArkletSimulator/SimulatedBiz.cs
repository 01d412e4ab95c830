namespace ModuleController.Dev.ArkletSimulator;

/// <summary>One biz in the registry of a life. It is changed only under the container's lock.</summary>
internal sealed class SimulatedBiz(BizManifest manifest, BizBehavior behavior, string directory)
{
    public string Name { get; } = manifest.Name!;

    public string Version { get; } = manifest.Version ?? "";

    public string Identity => $"{Name}:{Version}";

    public BizManifest Manifest => manifest;

    public BizBehavior Behavior => behavior;

    public string Directory => directory;

    /// <summary>In Arklet's spelling since 1.3.0.</summary>
    public string State { get; set; } = "resolved";

    /// <summary>This container writes an empty object for each change of the state.</summary>
    public int StateRecords { get; set; } = 1;

    /// <summary>The path that it serves, from the start of its Tomcat context.</summary>
    public string? WebContextPath { get; set; }

    public bool IsServing { get; set; }

    public long CommittedMetaspace { get; set; }

    public long UsedMetaspace { get; set; }

    public void Become(string state)
    {
        State = state;
        StateRecords++;
    }
}
