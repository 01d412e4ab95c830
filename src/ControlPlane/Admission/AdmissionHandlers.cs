using ModuleController.ControlPlane.Certificates;
using ModuleController.ControlPlane.Observing;
using ModuleController.ControlPlane.Settings;
using ModuleController.Core.Injection;
using ModuleController.Kube.Client;

namespace ModuleController.ControlPlane.Admission;

/// <summary>What handlers are built from.</summary>
/// <param name="IsSynced">Whether the caches have everything.</param>
/// <param name="OwnNamespace">The controller's namespace.</param>
public sealed record AdmissionParts(
    Caches Caches, Func<bool> IsSynced, IKubeClient Client, ControlPlaneOptions Options, string OwnNamespace, TimeProvider Time,
    ILoggerFactory Loggers);

/// <summary>Which webhooks the controller serves.</summary>
public static class AdmissionHandlers
{
    /// <summary>
    /// One line for each webhook. <c>deploy/controller/webhooks.yaml</c> and the components of deploy have what the API server sends to it.
    /// </summary>
    public static IReadOnlyList<IAdmissionHandler> Create(AdmissionParts parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        var access = new UserAccess(parts.Client);
        return
        [
            new PodInjection(
                Injection(parts.Options, parts.OwnNamespace), parts.Caches.ReplicaSets.Get, parts.Options.WatchNamespace),
            new DeploymentWarning(),
            new DefinitionGuard(parts.Client),
            new ObjectValidation(new(parts.Caches, parts.IsSynced, parts.Options.WatchNamespace, parts.Client, parts.Time)),
            new AuthorStamp(parts.Time),
            .. parts.Options.AuthorizesVerbs ? (IEnumerable<IAdmissionHandler>)[new VerbGuard(access), new FreezeGuard(access)] : [],
        ];
    }

    private static InjectionOptions Injection(ControlPlaneOptions options, string ns) => new()
    {
        ControllerNamespace = ns,
        AgentImage = options.AgentImage,
        Controller = options.AgentController ?? new($"https://{options.ServiceName}.{ns}.svc:{options.GrpcPort}"),
        Audience = options.Agents.Audience,
        CaConfigMap = AuthorityReconciler.ConfigMapName,
    };
}
