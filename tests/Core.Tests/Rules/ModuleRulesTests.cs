using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Rules;
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
        { "spec.operationStrategy.upgradePolicy",
            deployment => deployment.Strategy(strategy => strategy with { UpgradePolicy = "sideways" }) },
        { "spec.operationStrategy.installTimeoutSeconds",
            deployment => deployment.Strategy(strategy => strategy with { InstallTimeoutSeconds = 0 }) },
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

    public static TheoryData<string, Func<ModuleDeployment, ModuleDeployment>> Messages { get; } = new()
    {
        {
            "spec.template.spec.module.md5: must be 32 hexadecimal digits, or empty, not 'abc'",
            deployment => Source(deployment, source => source with { Md5 = "abc" })
        },
        {
            $"spec.template.spec.module.md5: must be 32 hexadecimal digits, or empty, not '{new string('a', 63)}…'",
            deployment => Source(deployment, source => source with { Md5 = new string('a', 65) })
        },
        {
            "spec.template.spec.module.url: must be an http, https or file URL of at most 8192 bytes without spaces, such as "
            + "https://repo.example.com/orders-1.0.0.jar",
            deployment => Source(deployment, source => source with { Url = "ftp://user:secret@host/x.jar?signature=secret" })
        },
        {
            "spec.template.spec.module.url: must be an http, https or file URL of at most 8192 bytes without spaces, such as "
            + "https://repo.example.com/orders-1.0.0.jar",
            deployment => Source(deployment, source => source with { Url = "http://x/" + new string('张', 3000) })
        },
        {
            "spec.operationStrategy.installTimeoutSeconds: must be 1 to 86400, not 100000",
            deployment => deployment.Strategy(strategy => strategy with { InstallTimeoutSeconds = 100_000 })
        },
        {
            "spec.operationStrategy.trafficDrainSeconds: must be 0 to 86400, not 100000",
            deployment => deployment.Strategy(strategy => strategy with { TrafficDrainSeconds = 100_000 })
        },
        {
            $"spec.hooks.preInstall.path: must be a path of at most 1024 bytes that begins with '/' and has no spaces, not "
                + $"'/{new string('张', 62)}…'",
            deployment => Hook(deployment, hook => hook with { Path = "/" + new string('张', 1000) })
        },
        {
            "spec.template.metadata.labels[owner]: must be a label value: at most 63 letters, digits, '-', '_' and '.', with a letter "
                + "or digit "
            + "at both ends, not '张三'",
            deployment => Template(deployment, new() { Labels = new Dictionary<string, string> { ["owner"] = "张三" } })
        },
        {
            "spec.template.metadata.labels[owner]: must be a label value: at most 63 letters, digits, '-', '_' and '.', with a letter "
                + "or digit "
            + "at both ends, not 'a b'",
            deployment => Template(deployment, new() { Labels = new Dictionary<string, string> { ["owner"] = "a b" } })
        },
        {
            "spec.template.metadata.labels[owner]: must be a label value: at most 63 letters, digits, '-', '_' and '.', with a letter "
                + "or digit "
            + $"at both ends, not '{new string('x', 64)}'",
            deployment => Template(deployment, new() { Labels = new Dictionary<string, string> { ["owner"] = new('x', 64) } })
        },
        {
            "spec.template.metadata.annotations[no key]: must be an annotation key: an optional DNS name and a slash, then 1 to 63 "
                + "letters, "
            + "digits, '-', '_' and '.', with a letter or digit at both ends",
            deployment => Template(deployment, new() { Annotations = new Dictionary<string, string> { ["no key"] = "" } })
        },
        {
            "spec.template.metadata.annotations: must be at most 262144 bytes in all",
            deployment => Template(deployment, new() { Annotations = new Dictionary<string, string> { ["note"] = new('x', 262_144) } })
        },
    };

    /// <summary>Values that older CRDs accept, and that stopped an agent's stream or a whole base.</summary>
    [Theory]
    [MemberData(nameof(Messages), DisableDiscoveryEnumeration = true)]
    public void A_message_names_the_field_and_what_its_value_must_be(string message, Func<ModuleDeployment, ModuleDeployment> change) =>
        Assert.Equal([message], ModuleRules.Check(change(A.ModuleDeployment())).Select(breach => breach.ToString()));

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

    private static ModuleDeployment Template(ModuleDeployment deployment, TemplateMeta metadata) =>
        deployment.With(spec => spec with { Template = spec.Template with { Metadata = metadata } });

    private static ModuleDeployment Source(ModuleDeployment deployment, Func<ModuleSource, ModuleSource> change) =>
        deployment.With(spec => spec with
        {
            Template = spec.Template with { Spec = spec.Template.Spec with { Module = change(spec.Template.Spec.Module) } },
        });
}
