
namespace ModuleController.Core.Modules.Names;

/// <summary>Labels, annotations and finalizers; the names of v1 where it had them.</summary>
public static class Labels
{
    public const string DeploymentName = "koupleless.io/deployment-name";
    public const string ModuleName = "koupleless.io/module-name";
    public const string ModuleVersion = "koupleless.io/module-version";
    public const string BaseInstanceIp = "koupleless.io/base-instance-ip";
    public const string BaseInstanceName = "koupleless.io/base-instance-name";
    public const string ModuleReplicaSet = "koupleless.io/module-replicaset";
    public const string ModuleDeployment = "koupleless.io/module-deployment";
    public const string Revision = "koupleless.io/module-replicaset-revision";
    public const string SchedulingStrategy = "koupleless.io/module-scheduling-strategy";
    public const string MaxModuleCount = "koupleless.io/max-module-count";
    public const string ModuleInstanceCount = "koupleless.io/module-instance-count";
    public const string MaxCountOnBase = "koupleless.io/max-module-instance-count-on-base";
    public const string MinCountOnBase = "koupleless.io/min-module-instance-count-on-base";
    public const string AverageCountOnBase = "koupleless.io/average-module-instance-count-on-base";

    /// <summary>Followed by a module's name: this pod serves the module.</summary>
    public const string TrafficPrefix = "module.koupleless.io/";

    public const string DeleteModule = "koupleless.io/delete-module";
    public const string DeleteModuleDirectly = "koupleless.io/delete-module-directly";
    public const string DeletePod = "koupleless.io/delete-pod";
    public const string DeletePodDirectly = "koupleless.io/delete-pod-directly";

    public static string Traffic(string moduleName) => TrafficPrefix + moduleName;
}

public static class Annotations
{
    public const string DeleteWithBase = "koupleless.io/delete-with-base";
    public const string RedeployAt = "koupleless.io/redeploy-at";
    public const string CompletedAt = "koupleless.io/completed-at";
    public const string FirstAvailableAt = "koupleless.io/first-available-at";

    /// <summary>On a ModuleReplicaSet: when a module of it had served for a minute; from then on it ends no base lives.</summary>
    public const string LivedAt = "koupleless.io/lived-at";

    /// <summary>On a ModuleDeployment: UIDs of the Modules that were deleted by label, and that it was lowered for.</summary>
    public const string DeletedModules = "koupleless.io/deleted-modules";

    /// <summary>On a base Deployment, with "true": releases may add pods to it for their time.</summary>
    public const string AllowBaseScaling = "koupleless.io/allow-base-scaling";

    /// <summary>On a base Deployment: how many pods we may add at most, a number or a percentage of its own.</summary>
    public const string MaxAddedReplicas = "koupleless.io/max-added-replicas";

    /// <summary>On a base Deployment: what we added to the number of its pods, and what that made.</summary>
    public const string AddedReplicas = "koupleless.io/added-replicas";

    /// <summary>On a pod, read by its ReplicaSet: those with the lowest go first when it is scaled down.</summary>
    public const string PodDeletionCost = "controller.kubernetes.io/pod-deletion-cost";

    /// <summary>On a ModuleDeployment: which pods an autoscaler finds under its scale; see <c>ScaleSelector</c>.</summary>
    public const string ScaleSelector = "koupleless.io/scale-selector";

    public const string ChangeCause = "kubernetes.io/change-cause";

    /// <summary>On a ModuleDeployment: what is to be done once; taken away when it is done.</summary>
    public const string Action = "koupleless.io/action";

    /// <summary>Who requests the action, and why.</summary>
    public const string ActionBy = "koupleless.io/action-by";
    public const string ActionReason = "koupleless.io/action-reason";

    /// <summary>The last action that was carried out, as JSON.</summary>
    public const string LastAction = "koupleless.io/last-action";

    /// <summary>The last actions, the newest last, as a list of the same.</summary>
    public const string ActionHistory = "koupleless.io/action-history";

    /// <summary>On a ModuleDeployment: which user changed it last; see <c>LastChange</c>. Our webhook writes it.</summary>
    public const string LastChange = "koupleless.io/last-change";

    /// <summary>On a ModuleReplicaSet: who released it, why, and with what result; see <c>ReleaseRecord</c>.</summary>
    public const string History = "koupleless.io/history";

    /// <summary>The revision that is released without batches and waits.</summary>
    public const string FastRevision = "koupleless.io/fast-revision";

    /// <summary>On a Namespace: why all its releases stop. Without a reason it has no effect.</summary>
    public const string Freeze = "koupleless.io/freeze";
    public const string FreezeBy = "koupleless.io/freeze-by";

    /// <summary>On the controller's own Namespace: why all releases stop.</summary>
    public const string FreezeAll = "koupleless.io/freeze-all";
}

public static class FinalizerNames
{
    /// <summary>On a ModuleDeployment: removed when its Modules no longer exist.</summary>
    public const string ModuleDeployment = "koupleless.io/module-deployment";

    /// <summary>On a Module: removed when the biz is removed, or when its removal can no longer be confirmed.</summary>
    public const string Module = "koupleless.io/module";

    /// <summary>What v1 left on objects; ours to remove.</summary>
    public static IReadOnlyList<string> OfVersion1 { get; } =
    [
        "koupleless.io/module-replicaset-existed", "koupleless.io/module-existed", "koupleless.io/allocate-pod",
        "koupleless.io/module-name",
    ];

    public static bool IsOfModule(string finalizer) => finalizer == Module || OfVersion1.Contains(finalizer);

    public static bool IsOfModuleDeployment(string finalizer) => finalizer == ModuleDeployment || OfVersion1.Contains(finalizer);
}
