using ModuleController.Dev.Kubelet.Resources;

namespace ModuleController.Dev.Kubelet.Containers;

/// <summary>The state of a container: a closed set.</summary>
public abstract record ContainerState
{
    private ContainerState()
    {
    }

    public sealed record Waiting(string Reason, string? Message = null) : ContainerState;

    public sealed record Running(DateTimeOffset StartedAt) : ContainerState;

    public sealed record Terminated(int ExitCode, DateTimeOffset StartedAt, DateTimeOffset FinishedAt) : ContainerState
    {
        public string Reason => ExitCode == 0 ? "Completed" : "Error";
    }
}

/// <summary>A container as the pod's status shows it.</summary>
public sealed record ContainerView(Container Spec, ContainerState State)
{
    /// <summary>How the previous life of the container ended.</summary>
    public ContainerState.Terminated? LastState { get; init; }

    public int RestartCount { get; init; }

    public bool IsReady { get; init; }

    public bool IsStarted { get; init; }

    /// <summary>It has ended and is not restarted.</summary>
    public bool IsOver { get; init; }

    /// <summary>The view in another state. A previous end becomes the last one.</summary>
    public ContainerView In(ContainerState next) =>
        this with { State = next, LastState = State as ContainerState.Terminated ?? LastState };
}
