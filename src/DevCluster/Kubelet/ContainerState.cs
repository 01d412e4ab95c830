namespace ModuleController.DevCluster.Kubelet;

/// <summary>What a container is doing; a closed set.</summary>
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
public sealed record ContainerView(
    Container Spec, ContainerState State, ContainerState.Terminated? LastState, int RestartCount, bool IsReady, bool IsStarted);
