namespace ModuleController.Dev.Kubelet.Containers;

/// <summary>Runs images: as delegates in tests, as processes of this machine in the demo.</summary>
public interface IContainerRuntime
{
    /// <summary>Starts a container; an image that the runtime does not know is an <see cref="UnknownImageException"/>.</summary>
    IContainer Start(ContainerStart start);
}

/// <summary>A container that was started.</summary>
public interface IContainer : IAsyncDisposable
{
    /// <summary>Completes with the exit code: 128 + signal if a signal ended it.</summary>
    Task<int> Exited { get; }

    /// <summary>Asks it to end, like SIGTERM.</summary>
    void Terminate();

    /// <summary>Forces it to end, like SIGKILL.</summary>
    void Kill();

    /// <summary>Runs a command beside it: true if that exits with 0.</summary>
    Task<bool> ExecAsync(IReadOnlyList<string> command, CancellationToken cancellation);
}

/// <summary>What a container is started with. The environment is complete, and variables in arguments are replaced.</summary>
public sealed record ContainerStart(
    PodIdentity Pod, string Container, string Image, IReadOnlyList<string> Command, IReadOnlyList<string> Args,
    IReadOnlyDictionary<string, string> Environment, ContainerLog Log);

/// <summary>Which pod a container belongs to, and the loopback address that is the pod's own, or on the host network the node's.</summary>
public sealed record PodIdentity(string Namespace, string Name, string Uid, string Ip, bool IsOnHostNetwork = false)
{
    public string HostIp => IsOnHostNetwork ? Ip : "127.0.0.1";
}

/// <summary>The runtime does not know this image.</summary>
public sealed class UnknownImageException(string image) : Exception($"no program is known for the image \"{image}\"");
