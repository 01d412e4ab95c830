using ModuleController.Dev.Kubelet.Resources;

namespace ModuleController.Dev.Kubelet.Containers;

/// <summary>The address, port and directory of a pod on this machine.</summary>
internal sealed record PodPlace(PodIdentity Identity, int Port, string Directory)
{
    public string OfVolume(string volume) => Path.Combine(Directory, "volumes", volume);

    /// <summary>Where a container has its copy of a part of a volume.</summary>
    public string OfSubPath(string container, VolumeMount mount) =>
        Path.Combine(Directory, "subpaths", container, mount.Name, mount.SubPath ?? "");
}
