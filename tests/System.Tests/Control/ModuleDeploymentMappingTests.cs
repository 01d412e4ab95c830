using Google.Protobuf.WellKnownTypes;
using ModuleController.ControlPlane.Control.Mapping;
using ModuleController.Core.Modules;
using Api = ModuleController.Client.V1;

namespace ModuleController.SystemTests.Control;

/// <summary>What the control API shows of a ModuleDeployment.</summary>
public sealed class ModuleDeploymentMappingTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private static ModuleDeployment Deployment { get; } = new()
    {
        Metadata = new()
        {
            Namespace = "shop",
            Name = "orders",
            Uid = "u",
            Generation = 7,
            CreationTimestamp = Now,
            Labels = new Dictionary<string, string> { ["app"] = "shop" },
        },
        Spec = new()
        {
            BaseDeploymentName = "base",
            Replicas = 3,
            Template = new()
            {
                Spec = new()
                {
                    Module = new()
                    {
                        Name = "orders",
                        Version = "1.1.0",
                        Url = "https://user:secret@store/orders.jar?token=secret#secret",
                        Sha256 = "aa",
                    },
                },
            },
        },
    };

    [Fact]
    public void All_fields_are_shown()
    {
        var message = ModuleDeploymentMapping.ToMessage(Deployment with
        {
            Spec = Deployment.Spec with { Paused = true },
            Status = new()
            {
                ObservedGeneration = 6,
                Replicas = 1,
                ReadyReplicas = 2,
                AvailableReplicas = 3,
                UnavailableReplicas = 4,
                UpdatedReplicas = 5,
                UpdatedReadyReplicas = 6,
                UpdatedAvailableReplicas = 7,
                StaleArtifactReplicas = 8,
                Conditions =
                [
                    new()
                    {
                        Type = "Progressing",
                        Status = "False",
                        Reason = "Held",
                        Message = "paused",
                        LastTransitionTime = Now,
                        ObservedGeneration = 6,
                    },
                ],
                ReleaseStatus = new()
                {
                    UpdateRevision = "abc",
                    CurrentBatch = 2,
                    RealBatchCount = 3,
                    Progress = ReleaseProgress.Paused,
                    UpgradePolicy = "scaleup_then_scaledown",
                    Promoted = true,
                    LastTransitionTime = Now,
                    LastProgressTime = Now.AddSeconds(1),
                },
            },
        });

        Assert.Equal(
            new Api.ModuleDeployment
            {
                Name = "namespaces/shop/moduleDeployments/orders",
                Uid = "u",
                Generation = 7,
                ObservedGeneration = 6,
                CreateTime = Time(Now),
                Labels = { ["app"] = "shop" },
                Base = "namespaces/shop/bases/base",
                Artifact = new() { Module = "orders", Version = "1.1.0", Url = "https://store/orders.jar", Sha256 = "aa" },
                Paused = true,
                UpgradePolicy = Api.UpgradePolicy.ScaleupThenScaledown,
                Modules = new()
                {
                    Desired = 3,
                    Current = 1,
                    Ready = 2,
                    Available = 3,
                    Unavailable = 4,
                    Updated = 5,
                    UpdatedReady = 6,
                    UpdatedAvailable = 7,
                    StaleArtifact = 8,
                },
                Release = new()
                {
                    Revision = "abc",
                    State = Api.ReleaseState.Paused,
                    Batch = 2,
                    BatchCount = 3,
                    Promoted = true,
                    LastTransitionTime = Time(Now),
                    LastProgressTime = Time(Now.AddSeconds(1)),
                },
                Conditions =
                {
                    new Api.Condition
                    {
                        Type = "Progressing",
                        Status = Api.ConditionStatus.False,
                        Reason = "Held",
                        Message = "paused",
                        LastTransitionTime = Time(Now),
                        ObservedGeneration = 6,
                    },
                },
            },
            message);
    }

    [Fact]
    public void One_that_the_controller_has_not_begun_with_has_no_release()
    {
        var message = ModuleDeploymentMapping.ToMessage(Deployment);

        Assert.Null(message.Release);
        Assert.Equal((3, 0, 0L), (message.Modules.Desired, message.Modules.Current, message.ObservedGeneration));
        Assert.Equal(Api.UpgradePolicy.Unspecified, message.UpgradePolicy);
    }

    [Fact]
    public void One_on_every_base_pod_desires_as_many_as_were_counted()
    {
        var message = ModuleDeploymentMapping.ToMessage(Deployment with
        {
            Spec = Deployment.Spec with { Replicas = -1 },
            Status = new() { AvailableReplicas = 3, UnavailableReplicas = 1 },
        });

        Assert.True(message.EveryBasePod);
        Assert.Equal(4, message.Modules.Desired);
    }

    [Fact]
    public void Each_state_of_a_release_has_its_own_value()
    {
        string[] texts =
        [
            ReleaseProgress.Init, ReleaseProgress.WaitingForConfirmation, ReleaseProgress.Executing, ReleaseProgress.Paused,
            ReleaseProgress.Completed, ReleaseProgress.Aborted, ReleaseProgress.Terminating,
        ];
        Assert.Equal(
            [Api.ReleaseState.Unspecified, .. System.Enum.GetValues<Api.ReleaseState>().Skip(1)],
            texts.Prepend("other").Select(text => ModuleDeploymentMapping.ToMessage(
                Deployment with { Status = new() { ReleaseStatus = new() { Progress = text } } }).Release.State));
        Assert.Equal(
            System.Enum.GetValues<Core.Modules.UpgradePolicy>().Select(policy => policy.ToString().ToUpperInvariant()),
            System.Enum.GetValues<Core.Modules.UpgradePolicy>().Select(policy => ModuleDeploymentMapping.ToMessage(
                Deployment with { Status = new() { ReleaseStatus = new() { UpgradePolicy = policy.Text() } } })
                .UpgradePolicy.ToString().ToUpperInvariant()));
    }

    [Fact]
    public void Secrets_in_urls_are_in_no_text()
    {
        const string Text = "download of https://user:secret@store/orders.jar?token=secret failed";
        var message = ModuleDeploymentMapping.ToMessage(Deployment with
        {
            Status = new()
            {
                Conditions = [new() { Type = "Progressing", Message = Text }],
                ReleaseStatus = new() { Abort = new() { Reason = "ModulesFailed", Message = Text } },
            },
        });

        Assert.DoesNotContain("secret", message.ToString(), StringComparison.Ordinal);
        Assert.Equal("download of https://store/orders.jar failed", message.Conditions.Single().Message);
        Assert.Equal("download of https://store/orders.jar failed", message.Release.Abort.Message);
    }

    private static Timestamp Time(DateTimeOffset time) => Timestamp.FromDateTimeOffset(time);
}
