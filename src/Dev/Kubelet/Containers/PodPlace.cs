namespace ModuleController.Dev.Kubelet.Containers;

/// <summary>What a pod has of this machine: an address, a port and a directory of its own.</summary>
internal sealed record PodPlace(PodIdentity Identity, int Port, string Directory)
{
    public string OfVolume(string volume) => Path.Combine(Directory, "volumes", volume);
}
