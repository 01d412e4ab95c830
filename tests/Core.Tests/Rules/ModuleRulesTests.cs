using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Rules;

public class ModuleRulesTests
{
    public static TheoryData<string, Func<ModuleDeployment, ModuleDeployment>> Broken { get; } = new()
    {
        { "spec.baseDeploymentName", deployment => deployment.With(spec => spec with { BaseDeploymentName = "" }) },
        { "spec.replicas", deployment => deployment.With(spec => spec with { Replicas = -2 }) },
        { "spec.scaleReplicas", deployment => deployment.With(spec => spec with { ScaleReplicas = -1 }) },
        { "spec.template.spec.module.name", deployment => Source(deployment, source => source with { Name = "" }) },
        { "spec.template.spec.module.name", deployment => Source(deployment, source => source with { Name = new string('n', 53) }) },
        { "spec.template.spec.module.name", deployment => Source(deployment, source => source with { Name = "no spaces" }) },
        { "spec.template.spec.module.version", deployment => Source(deployment, source => source with { Version = "-1" }) },
        { "spec.template.spec.module.url", deployment => Source(deployment, source => source with { Url = "ftp://x/y.jar" }) },
        { "spec.template.spec.module.url", deployment => Source(deployment, source => source with { Url = "not a url" }) },
        { "spec.operationStrategy.upgradePolicy", deployment => deployment.Strategy(strategy => strategy with { UpgradePolicy = "sideways" }) },
        { "spec.operationStrategy.installTimeoutSeconds", deployment => deployment.Strategy(strategy => strategy with { InstallTimeoutSeconds = 0 }) },
        {
            "spec.operationStrategy.serviceStrategy.port",
            deployment => deployment.Strategy(strategy => strategy with { ServiceStrategy = new() { EnableModuleService = true } })
        },
        { "spec.hooks.preInstall.port", deployment => Hook(deployment, hook => hook with { Port = 65536 }) },
        { "spec.hooks.preInstall.path", deployment => Hook(deployment, hook => hook with { Path = null }) },
        { "spec.hooks.preInstall.path", deployment => Hook(deployment, hook => hook with { Path = "ready" }) },
        { "spec.hooks.preInstall.path", deployment => Hook(deployment, hook => hook with { Path = "/a b" }) },
        { "spec.hooks.preInstall.path", deployment => Hook(deployment, hook => hook with { Path = "/" + new string('x', 1024) }) },
        { "spec.hooks.preInstall.timeoutSeconds", deployment => Hook(deployment, hook => hook with { TimeoutSeconds = 0 }) },
        { "spec.hooks.preInstall.retries", deployment => Hook(deployment, hook => hook with { Retries = 11 }) },
        { "spec.hooks.preInstall.failurePolicy", deployment => Hook(deployment, hook => hook with { FailurePolicy = "Retry" }) },
        {
            "spec.hooks.postUninstall.port",
            deployment => deployment.With(spec => spec with { Hooks = new() { PostUninstall = new() { Path = "/" } } })
        },
    };

    [Theory]
    [MemberData(nameof(Broken), DisableDiscoveryEnumeration = true)]
    public void A_broken_rule_names_its_field(string field, Func<ModuleDeployment, ModuleDeployment> change) =>
        Assert.Equal([field], ModuleRules.Check(change(A.ModuleDeployment())).Select(breach => breach.Field));

    [Fact]
    public void A_plain_deployment_breaks_no_rule()
    {
        var deployment = A.ModuleDeployment().Strategy(_ => new()
        {
            BatchCount = 1,
            UseBeta = false,
            MaxUnavailable = new IntOrPercent(1, false),
            UpgradePolicy = "install_then_uninstall",
            ServiceStrategy = new() { EnableModuleService = true, Port = 8080 },
        });
        Assert.Empty(ModuleRules.Check(deployment));
    }

    private static ModuleDeployment Hook(ModuleDeployment deployment, Func<ModuleHook, ModuleHook> change) =>
        deployment.With(spec => spec with { Hooks = new() { PreInstall = change(new() { Port = 8080, Path = "/ready" }) } });

    private static ModuleDeployment Source(ModuleDeployment deployment, Func<ModuleSource, ModuleSource> change) =>
        deployment.With(spec => spec with
        {
            Template = spec.Template with { Spec = spec.Template.Spec with { Module = change(spec.Template.Spec.Module) } },
        });
}
