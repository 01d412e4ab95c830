namespace ModuleController.Dev.Kubelet.Containers;

/// <summary>The address, port and directory of a pod on this machine.</summary>
internal sealed record PodPlace(PodIdentity Identity, int Port, string Directory)
{
    public string OfVolume(string volume) => Path.Combine(Directory, "volumes", volume);
}
