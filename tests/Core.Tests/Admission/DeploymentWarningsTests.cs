using ModuleController.Core.Admission;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Admission;

public class DeploymentWarningsTests
{
    private const string Replicas = "spec.replicas";
    private const string Digest = "spec.template.spec.module.sha256";
    private const string Service = "spec.operationStrategy.serviceStrategy.type";
    private const string Limit = "spec.operationStrategy.maxUnavailable";

    [Fact]
    public void Replicas_that_are_not_set_are_a_warning_on_a_create_only()
    {
        var (none, scaled) = (Digested(null), Digested(null).With(spec => spec with { ScaleReplicas = 2 }));

        Assert.Equal([Replicas], Fields(none));
        Assert.Empty(Fields(scaled));
        Assert.Empty(Fields(Digested(0)));
        // What is left out later keeps its number.
        Assert.Empty(Fields(none, Digested(3)));
    }

    [Theory]
    [InlineData("http://jars/a.jar", null, null, true)]
    [InlineData("https://jars/a.jar", "", "", true)]
    [InlineData("https://jars/a.jar", "0123", null, false)]
    [InlineData("https://jars/a.jar", null, "0123", false)]
    [InlineData("file:///jars/a.jar", null, null, false)]
    public void A_url_without_a_digest_is_a_warning(string url, string? md5, string? sha256, bool isWarned)
    {
        var deployment = Source(Digested(1), source => source with { Url = url, Md5 = md5, Sha256 = sha256 });

        Assert.Equal(isWarned ? [Digest] : [], Fields(deployment));
        Assert.Empty(Fields(deployment with { Spec = deployment.Spec with { Paused = true, Replicas = 5 } }, deployment));
        Assert.Equal(isWarned ? [Digest] : [], Fields(deployment, Digested(1)));
    }

    [Fact]
    public void A_Service_without_a_type_is_a_warning_when_it_is_enabled()
    {
        var (off, on) = (Served(new() { Port = 80 }), Served(new() { EnableModuleService = true, Port = 80 }));

        Assert.Equal([Service], Fields(on));
        Assert.Equal([Service], Fields(on, off));
        Assert.Empty(Fields(off));
        Assert.Empty(Fields(on with { Spec = on.Spec with { Replicas = 5 } }, on));
        Assert.Empty(Fields(Served(new() { EnableModuleService = true, Port = 80, Type = "NodePort" })));
    }

    [Theory]
    [InlineData(3, null, 1, null, true)]      // 25 % of 3, at least 1
    [InlineData(8, null, 1, null, false)]     // 25 % of 8: 2
    [InlineData(4, "1", 1, null, true)]
    [InlineData(4, "2", 1, null, false)]
    [InlineData(4, "50%", 2, null, true)]
    [InlineData(-1, "1", 1, null, true)]
    [InlineData(-1, "50%", 1, null, false)]   // the number of base pods is not known
    [InlineData(4, "1", 0, null, false)]      // no limit
    [InlineData(4, "1", 1, "install_then_uninstall", false)]
    [InlineData(4, "1", 1, "scaleUpThenScaleDown", false)]
    [InlineData(4, "1", 1, "uninstall_then_install", true)]
    public void A_maxUnavailable_that_is_not_above_maxFailures_is_a_warning(
        int replicas, string? unavailable, int failures, string? policy, bool isWarned)
    {
        var deployment = Digested(replicas).Strategy(strategy => strategy with
        {
            MaxFailures = failures,
            MaxUnavailable = unavailable is null ? null : new IntOrPercent(int.Parse(unavailable.TrimEnd('%'),
                System.Globalization.CultureInfo.InvariantCulture), unavailable.EndsWith('%')),
            UpgradePolicy = policy,
        });

        Assert.Equal(isWarned ? [Limit] : [], Fields(deployment));
        Assert.Empty(Fields(deployment.With(spec => spec with { Replicas = 2 }), deployment));
        Assert.Equal(isWarned ? [Limit] : [], Fields(deployment, Digested(replicas)));
        Assert.Empty(Fields(deployment.Strategy(strategy => strategy with { AutoRollback = true })));
    }

    [Fact]
    public void A_base_that_does_not_exist_and_an_older_ModuleDeployment_with_the_module_are_warnings_on_a_create()
    {
        var deployment = Digested(1);
        var older = A.ModuleDeployment("other") with { Spec = deployment.Spec };

        Assert.Equal(
            [
                "spec.baseDeploymentName: there is no Deployment base in namespace test, so no module is installed until it exists",
                "spec.template.spec.module.name: shop on base base belongs to the older ModuleDeployment other, so no module is installed "
                    + "while that exists",
            ],
            DeploymentWarnings.OfNew(deployment, hasBase: false, [older, A.ModuleDeployment("stock")]));
        Assert.Empty(DeploymentWarnings.OfNew(deployment, hasBase: true, [deployment]));
        Assert.Empty(DeploymentWarnings.OfNew(deployment, hasBase: null, []));
    }

    /// <summary>The API server cuts a longer one if all together have more than 4096.</summary>
    [Fact]
    public void A_warning_has_at_most_256_characters()
    {
        var all = Source(Served(new() { EnableModuleService = true, Port = 80 }), source => source with { Sha256 = null })
            .With(spec => spec with { Replicas = null, ScaleReplicas = null }).Strategy(strategy => strategy with
            {
                MaxFailures = 1,
                MaxUnavailable = new IntOrPercent(1, false),
            });
        var warnings = DeploymentWarnings.Of(all, null).Concat(
            DeploymentWarnings.OfNew(all, false, [A.ModuleDeployment("other") with { Spec = all.Spec }])).ToList();

        Assert.Equal(6, warnings.Count);
        Assert.All(warnings, warning => Assert.InRange(warning.Length, 1, 256));
    }

    private static IEnumerable<string> Fields(ModuleDeployment deployment, ModuleDeployment? old = null) =>
        DeploymentWarnings.Of(deployment, old).Select(warning => warning[..warning.IndexOf(':', StringComparison.Ordinal)]);

    private static ModuleDeployment Digested(int? replicas) =>
        Source(A.ModuleDeployment(replicas: replicas), source => source with { Sha256 = new('0', 64) });

    private static ModuleDeployment Served(ServiceStrategy service) =>
        Digested(1).Strategy(strategy => strategy with { ServiceStrategy = service });

    private static ModuleDeployment Source(ModuleDeployment deployment, Func<ModuleSource, ModuleSource> change) =>
        deployment.With(spec => spec with
        {
            Template = spec.Template with { Spec = spec.Template.Spec with { Module = change(spec.Template.Spec.Module) } },
        });
}
