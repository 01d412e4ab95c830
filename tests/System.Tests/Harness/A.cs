using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.SystemTests.Harness;

/// <summary>ModuleDeployments as tests speak of them: <c>A.Module("orders", "1.0.0", url).On("base").Replicas(3)</c>.</summary>
internal static class A
{
    public static ModuleDeployment Module(string name, string version, string url) => new()
    {
        Metadata = new() { Name = name },
        Spec = new()
        {
            BaseDeploymentName = "base",
            Replicas = 1,
            Template = new() { Spec = new() { Module = new() { Name = name, Version = version, Url = url } } },
        },
    };

    extension(ModuleDeployment deployment)
    {
        public ModuleDeployment Named(string name) => deployment with { Metadata = deployment.Metadata with { Name = name } };

        public ModuleDeployment On(string baseName) => deployment with { Spec = deployment.Spec with { BaseDeploymentName = baseName } };

        public ModuleDeployment Replicas(int replicas) => deployment with { Spec = deployment.Spec with { Replicas = replicas } };

        public ModuleDeployment Symmetric() => deployment.Replicas(-1);

        public ModuleDeployment Strategy(Func<OperationStrategy, OperationStrategy> change) => deployment with
        {
            Spec = deployment.Spec with { OperationStrategy = change(deployment.Spec.OperationStrategy) },
        };

        public ModuleDeployment Policy(string policy) => deployment.Strategy(strategy => strategy with { UpgradePolicy = policy });

        public ModuleDeployment AtMostUnavailable(int count) =>
            deployment.Strategy(strategy => strategy with { MaxUnavailable = new IntOrPercent(count, false) });

        public ModuleDeployment WithService(int targetPort = 8080) => deployment.Strategy(strategy => strategy with
        {
            TrafficDrainSeconds = 0,
            ServiceStrategy = new() { EnableModuleService = true, Port = 80, TargetPort = new(targetPort) },
        });
    }
}
