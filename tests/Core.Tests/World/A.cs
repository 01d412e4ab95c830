using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Placement;
using ModuleController.Core.Rollouts;

namespace ModuleController.Core.Tests.World;

/// <summary>Objects with as little in them as a test needs.</summary>
internal static class A
{
    public static DateTimeOffset Time { get; } = new(2026, 1, 31, 9, 0, 0, TimeSpan.Zero);

    public static ModuleDeployment ModuleDeployment(string name = "shop", int? replicas = 3, string version = "1.0.0") => new()
    {
        Metadata = new()
        {
            Name = name,
            Namespace = "test",
            Uid = $"uid-{name}",
            Generation = 1,
            CreationTimestamp = Time,
            Finalizers = [FinalizerNames.ModuleDeployment],
        },
        Spec = new()
        {
            BaseDeploymentName = "base",
            Replicas = replicas,
            ScaleReplicas = replicas is >= 0 ? replicas : null,
            Template = Template(name, version),
        },
    };

    public static ModuleTemplateSpec Template(string module, string version, string? redeployAt = null, string? url = null) => new()
    {
        Metadata = new()
        {
            Annotations = redeployAt is null ? new Dictionary<string, string>() : new() { [Annotations.RedeployAt] = redeployAt },
        },
        Spec = new() { Module = new() { Name = module, Version = version, Url = url ?? $"http://jars/{module}-{version}.jar" } },
    };

    public static ModuleDeployment With(this ModuleDeployment deployment, Func<ModuleDeploymentSpec, ModuleDeploymentSpec> change) =>
        deployment with { Spec = change(deployment.Spec) };

    public static ModuleDeployment Strategy(this ModuleDeployment deployment, Func<OperationStrategy, OperationStrategy> change) =>
        deployment.With(spec => spec with { OperationStrategy = change(spec.OperationStrategy) });

    public static ModuleDeployment Policy(this ModuleDeployment deployment, UpgradePolicy policy) =>
        deployment.Strategy(strategy => strategy with { UpgradePolicy = policy.Text() });

    /// <summary>A release to its template has this policy.</summary>
    public static ModuleDeployment InForce(this ModuleDeployment deployment, UpgradePolicy policy) => deployment.Policy(policy) with
    {
        Status = deployment.Status with
        {
            ReleaseStatus = new() { UpgradePolicy = policy.Text(), UpdateRevision = Revision.Of(deployment.Spec.Template).Hash() },
        },
    };

    public static ModuleReplicaSet ReplicaSet(ModuleDeployment deployment, int goal, long revision = 1)
    {
        var made = RevisionReplicaSets.New(deployment, revision);
        return made with
        {
            Metadata = made.Metadata with { Uid = $"uid-{made.Metadata.Name}", ResourceVersion = "1" },
            Spec = made.Spec with { Replicas = goal },
        };
    }

    public static CandidatePod Pod(string name, string? refusal = null) => new() { Name = name, Uid = $"uid-{name}", Refusal = refusal };

    public static Module Module(ModuleReplicaSet replicaSet, int ordinal, string? pod, bool isAvailable = true, string? replaces = null)
    {
        var name = $"{replicaSet.Metadata.Name}-{ordinal}";
        return new()
        {
            Metadata = new() { Name = name, Namespace = "test", Uid = $"uid-{name}", Finalizers = [FinalizerNames.Module] },
            Spec = new()
            {
                Module = replicaSet.Spec.Template.Spec.Module,
                PodName = pod,
                PodUid = pod is null ? null : $"uid-{pod}",
                Replaces = replaces,
            },
            Status = isAvailable
                ? new()
                {
                    Status = ModulePhase.Available,
                    InstalledAt = Time,
                    Conditions = [new() { Type = ModuleConditions.TrafficReady, Status = Condition.True, LastTransitionTime = Time }],
                }
                : new() { Status = ModulePhase.Pending },
        };
    }

    public static Module Deleting(this Module module) =>
        module with { Metadata = module.Metadata with { DeletionTimestamp = Time } };

    public static Module Failed(this Module module, FailureReason reason, string message = "it broke") => module with
    {
        Status = new() { Status = ModulePhase.Failed, LastError = new() { Reason = reason.ToString(), Message = message, Time = Time } },
    };
}
