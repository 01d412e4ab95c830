using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;

namespace ModuleController.Core.Placement;

/// <summary>A ModuleDeployment and its ReplicaSets on this base.</summary>
public sealed record DeploymentGroup(ModuleDeployment Deployment, IReadOnlyList<ReplicaSetWithModules> Sets)
{
    /// <summary>An older ModuleDeployment has the same module name on this base: this one creates nothing.</summary>
    public bool IsConflicting { get; init; }
}
