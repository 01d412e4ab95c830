namespace ModuleController.Dev.Kubelet.Containers;

/// <summary>Runs what an image names: a delegate in tests, a process of this machine in the demo.</summary>
public interface IContainerRuntime
{
    /// <summary>Starts a container; an image that the runtime does not know is an <see cref="UnknownImageException"/>.</summary>
    IContainer Start(ContainerStart start);
}

/// <summary>A container that was started.</summary>
public interface IContainer : IAsyncDisposable
{
    /// <summary>Ends with the exit code; 128 + signal where a signal ended it.</summary>
    Task<int> Exited { get; }

    /// <summary>Asks it to end, as SIGTERM does.</summary>
    void Terminate();

    /// <summary>Ends it without asking, as SIGKILL does.</summary>
    void Kill();

    /// <summary>Runs a command beside it; true where that exits with 0.</summary>
    Task<bool> ExecAsync(IReadOnlyList<string> command, CancellationToken cancellation);
}

/// <summary>What a container is started with; the environment is complete, variables in arguments are replaced.</summary>
public sealed record ContainerStart(
    PodIdentity Pod, string Container, string Image, IReadOnlyList<string> Command, IReadOnlyList<string> Args,
    IReadOnlyDictionary<string, string> Environment, ContainerLog Log);

/// <summary>Which pod a container belongs to, and the loopback address that is the pod's own, or on the host network the node's.</summary>
public sealed record PodIdentity(string Namespace, string Name, string Uid, string Ip, bool IsOnHostNetwork = false)
{
    public string HostIp => IsOnHostNetwork ? Ip : "127.0.0.1";
}

/// <summary>No runtime here has this image.</summary>
public sealed class UnknownImageException(string image) : Exception($"no program stands for the image \"{image}\"");
