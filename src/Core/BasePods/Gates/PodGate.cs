namespace ModuleController.Core.BasePods.Gates;

/// <summary>What the readiness gate of a base pod waits for, and for how long at most where nothing here can help it.</summary>
public sealed record PodGate(IReadOnlyList<RequiredModule> Required, TimeSpan Timeout);
