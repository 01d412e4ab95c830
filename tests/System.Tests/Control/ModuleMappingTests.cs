using Google.Protobuf.WellKnownTypes;
using ModuleController.ControlPlane.Control.Mapping;
using ModuleController.Core.Modules;
using Api = ModuleController.Client.V1;

namespace ModuleController.SystemTests.Control;

/// <summary>What the control API shows of a Module.</summary>
public sealed class ModuleMappingTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private static Module Module { get; } = new()
    {
        Metadata = new() { Namespace = "shop", Name = "orders-1", Uid = "u", CreationTimestamp = Now },
        Spec = new()
        {
            Module = new() { Name = "orders", Version = "1.1.0", Url = "https://user:secret@store/orders.jar", Md5 = "bb" },
            PodName = "base-0",
            PodUid = "p",
        },
    };

    [Fact]
    public void All_fields_are_shown()
    {
        var message = ModuleMapping.ToMessage(
            Module with
            {
                Metadata = Module.Metadata with { DeletionTimestamp = Now.AddSeconds(4) },
                Status = new()
                {
                    Status = ModulePhase.Failed,
                    Message = "no",
                    Attempts = 3,
                    LastError = new() { Reason = "InstallFailed", Code = "42", Message = "why", Time = Now.AddSeconds(1) },
                    InstalledAt = Now.AddSeconds(2),
                    InstallSeconds = 1.5,
                    MetaspaceBytes = 1234,
                    LastTransitionTime = Now.AddSeconds(3),
                    Conditions = [new() { Type = "Installed", Status = "Unknown" }],
                },
            },
            "orders");

        Assert.Equal(
            new Api.Module
            {
                Name = "namespaces/shop/modules/orders-1",
                Uid = "u",
                CreateTime = Time(0),
                DeleteTime = Time(4),
                ModuleDeployment = "namespaces/shop/moduleDeployments/orders",
                BasePod = "namespaces/shop/basePods/base-0",
                Artifact = new() { Module = "orders", Version = "1.1.0", Url = "https://store/orders.jar", Md5 = "bb" },
                State = Api.ModuleState.Failed,
                Message = "no",
                Attempts = 3,
                LastError = new() { Reason = "InstallFailed", Code = "42", Message = "why", Time = Time(1) },
                InstallTime = Time(2),
                InstallDuration = Duration.FromTimeSpan(TimeSpan.FromSeconds(1.5)),
                MetaspaceBytes = 1234,
                LastTransitionTime = Time(3),
                Conditions = { new Api.Condition { Type = "Installed", Status = Api.ConditionStatus.Unknown } },
            },
            message);
    }

    [Fact]
    public void One_that_is_orphaned_and_unplaced_names_neither_ModuleDeployment_nor_pod()
    {
        var message = ModuleMapping.ToMessage(Module with { Spec = Module.Spec with { PodName = null, PodUid = null } }, deployment: null);

        Assert.Equal(("", "", Api.ModuleState.Unspecified), (message.ModuleDeployment, message.BasePod, message.State));
        Assert.Null(message.LastError);
        Assert.Null(message.InstallDuration);
    }

    [Fact]
    public void Each_state_has_its_own_value()
    {
        string[] phases =
        [
            ModulePhase.Pending, ModulePhase.Prepare, ModulePhase.Upgrading, ModulePhase.Completing, ModulePhase.Available,
            ModulePhase.Terminating, ModulePhase.Failed,
        ];
        Assert.Equal(
            System.Enum.GetValues<Api.ModuleState>(),
            phases.Prepend("other").Select(phase =>
                ModuleMapping.ToMessage(Module with { Status = new() { Status = phase } }, "orders").State));
    }

    [Fact]
    public void Secrets_in_urls_are_in_no_text()
    {
        const string Text = "download of https://user:secret@store/orders.jar?token=secret failed";
        var message = ModuleMapping.ToMessage(
            Module with
            {
                Status = new() { Message = Text, LastError = new() { Message = Text }, Conditions = [new() { Message = Text }] },
            },
            "orders");

        Assert.DoesNotContain("secret", message.ToString(), StringComparison.Ordinal);
        Assert.Equal("download of https://store/orders.jar failed", message.LastError.Message);
    }

    private static Timestamp Time(int second) => Timestamp.FromDateTimeOffset(Now.AddSeconds(second));
}
