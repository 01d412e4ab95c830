using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;

namespace ModuleController.Core.Tests.Rules;

public class DefaultsTests
{
    public static TheoryData<string, Func<ModuleDeployment, object?>, object?> Unset { get; } = new()
    {
        { "minReadySeconds", deployment => deployment.MinReady, TimeSpan.Zero },
        { "revisionHistoryLimit", deployment => deployment.RevisionHistoryLimit, 10 },
        { "progressDeadlineSeconds", deployment => deployment.ProgressDeadline, TimeSpan.FromSeconds(600) },
        { "paused", deployment => deployment.IsPaused, false },
        { "priority", deployment => deployment.Priority, 0 },
        { "required", deployment => deployment.IsRequired, false },
        { "required, symmetric", deployment => Symmetric(deployment).IsRequired, true },
        { "batchCount", deployment => deployment.BatchCount, 1 },
        { "useBeta", deployment => deployment.UsesBeta, false },
        { "needConfirm", deployment => deployment.NeedsConfirmation, false },
        { "grayTimeBetweenBatchSeconds", deployment => deployment.GrayTime, TimeSpan.Zero },
        { "maxFailures", deployment => deployment.MaxFailures, 0 },
        { "maxUnavailable", deployment => deployment.HasMaxUnavailable, false },
        { "upgradePolicy", deployment => UpgradePolicies.Requested(deployment), null },
        { "installTimeoutSeconds", deployment => deployment.InstallTimeout, TimeSpan.FromSeconds(300) },
        { "serviceStrategy", deployment => deployment.ServiceEnabled, false },
        { "serviceStrategy.type", deployment => deployment.ServiceType, "NodePort" },
        { "trafficDrainSeconds", deployment => deployment.TrafficDrain, TimeSpan.Zero },
        { "trafficDrainSeconds, with a service", deployment => WithService(deployment).TrafficDrain, TimeSpan.FromSeconds(5) },
        { "confirmDeletion", deployment => deployment.ConfirmsDeletion, false },
        { "autoRollback", deployment => deployment.RollsBackByItself, false },
        { "schedulingPolicy", deployment => deployment.SchedulingPolicy, SchedulingPolicy.Scatter },
    };

    [Theory]
    [MemberData(nameof(Unset), DisableDiscoveryEnumeration = true)]
    public void An_unset_field_has_its_default(string field, Func<ModuleDeployment, object?> read, object? expected) =>
        Assert.True(Equals(expected, read(new())), $"{field}: {read(new())}");

    /// <summary>A day is the longest deadline of a command that agents take.</summary>
    [Fact]
    public void Times_that_were_stored_before_they_had_a_limit_count_as_at_most_a_day()
    {
        Assert.Equal(TimeSpan.FromDays(1), With(strategy => strategy with { InstallTimeoutSeconds = 100_000 }).InstallTimeout);
        Assert.Equal(TimeSpan.FromDays(1), With(strategy => strategy with { TrafficDrainSeconds = int.MaxValue }).TrafficDrain);
    }

    [Theory]
    [InlineData(null, false, 10, 2)]
    [InlineData(null, false, 3, 1)]
    [InlineData(null, false, 0, 1)]
    [InlineData(0, false, 100, 25)]   // what v1 stored where nobody had said anything
    [InlineData(5, false, 10, 5)]
    [InlineData(50, true, 5, 2)]
    [InlineData(0, true, 10, 1)]
    public void Max_unavailable_is_rounded_down_but_never_below_one(int? value, bool isPercent, int desired, int expected)
    {
        var deployment = With(strategy =>
            strategy with { MaxUnavailable = value is { } limit ? new IntOrPercent(limit, isPercent) : null });
        Assert.Equal(expected, deployment.MaxUnavailable(desired));
    }

    [Theory]
    [InlineData(null, true, false)]
    [InlineData(0, false, false)]
    [InlineData(0, true, false)]
    [InlineData(1, true, true)]
    [InlineData(1, false, true)]
    public void Only_a_maxUnavailable_above_zero_allows_an_interruption(int? value, bool isPercent, bool isAllowed)
    {
        var deployment = With(strategy =>
            strategy with { MaxUnavailable = value is { } limit ? new IntOrPercent(limit, isPercent) : null });
        Assert.Equal(isAllowed, deployment.HasMaxUnavailable);
    }

    [Theory]
    [InlineData("install_then_uninstall", UpgradePolicy.InstallThenUninstall)]
    [InlineData("installThenUninstall", UpgradePolicy.InstallThenUninstall)]
    [InlineData("uninstall_then_install", UpgradePolicy.UninstallThenInstall)]
    [InlineData("uninstallThenInstall", UpgradePolicy.UninstallThenInstall)]
    [InlineData("scaleup_then_scaledown", UpgradePolicy.ScaleUpThenScaleDown)]
    [InlineData("scaleUpThenScaleDown", UpgradePolicy.ScaleUpThenScaleDown)]
    [InlineData("", null)]
    [InlineData(null, null)]
    [InlineData("sideways", null)]
    public void A_policy_is_read_in_both_spellings(string? text, UpgradePolicy? expected) =>
        Assert.Equal(expected, UpgradePolicies.Parse(text));

    [Fact]
    public void The_template_names_the_policy_where_the_strategy_does_not()
    {
        var deployment = new ModuleDeployment
        {
            Spec = new() { Template = new() { Spec = new() { UpgradePolicy = "install_then_uninstall" } } },
        };
        Assert.Equal(UpgradePolicy.InstallThenUninstall, UpgradePolicies.Requested(deployment));
    }

    [Fact]
    public void One_version_twice_is_never_held_in_one_jvm()
    {
        var deployment = new ModuleDeployment { Status = new() { ReleaseStatus = new() { UpgradePolicy = "install_then_uninstall" } } };
        var (one, two) = (new ModuleSource { Version = "1" }, new ModuleSource { Version = "2" });
        Assert.Equal(UpgradePolicy.InstallThenUninstall, UpgradePolicies.Between(deployment, one, two));
        Assert.Equal(UpgradePolicy.UninstallThenInstall, UpgradePolicies.Between(deployment, one, one));
    }

    private static ModuleDeployment With(Func<OperationStrategy, OperationStrategy> change) =>
        new() { Spec = new() { OperationStrategy = change(new()) } };

    private static ModuleDeployment Symmetric(ModuleDeployment deployment) =>
        deployment with { Spec = deployment.Spec with { Replicas = -1 } };

    private static ModuleDeployment WithService(ModuleDeployment deployment) => deployment with
    {
        Spec = deployment.Spec with { OperationStrategy = new() { ServiceStrategy = new() { EnableModuleService = true } } },
    };
}
