using Google.Rpc;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Reflection.V1Alpha;
using ModuleController.SystemTests.Gateway;
using Api = ModuleController.Client.V1;

namespace ModuleController.SystemTests.Control;

/// <summary>The control API as a tool meets it: gRPC and JSON, over TLS.</summary>
public sealed class ControlApiTests : IAsyncLifetime
{
    private const string Orders = "namespaces/default/moduleDeployments/orders";

    private ControlRig _rig = null!;
    private string _token = "";

    public async ValueTask InitializeAsync()
    {
        _rig = await ControlRig.StartAsync();
        await _rig.CreateAsync("default", "cart", "orders", "stock");
        _token = await _rig.UserAsync("reader");
        await _rig.PermitAsync("reader", null, "get", "list");
    }

    public ValueTask DisposeAsync() => _rig.DisposeAsync();

    [Fact]
    public async Task A_module_deployment_is_shown_without_secrets()
    {
        var found = await _rig.ModuleDeployments.GetModuleDeploymentAsync(new() { Name = Orders }, Headers);

        Assert.Equal(Orders, found.Name);
        Assert.Equal("namespaces/default/bases/base", found.Base);
        Assert.Equal(new Api.Artifact { Module = "orders", Version = "1.0.0", Url = "https://store/orders.jar" }, found.Artifact);
        Assert.Equal(2, found.Modules.Desired);
        Assert.DoesNotContain("secret", found.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_list_goes_on_from_page_to_page()
    {
        var first = await _rig.ModuleDeployments.ListModuleDeploymentsAsync(
            new() { Parent = "namespaces/-", PageSize = 2, OrderBy = "name desc" }, Headers);
        var second = await _rig.ModuleDeployments.ListModuleDeploymentsAsync(
            new() { Parent = "namespaces/-", OrderBy = "name desc", PageToken = first.NextPageToken }, Headers);
        var selected = await _rig.ModuleDeployments.ListModuleDeploymentsAsync(
            new() { Parent = "namespaces/default", LabelSelector = "app in (cart,stock)" }, Headers);

        Assert.Equal(["stock", "orders", "cart", ""], [.. Names(first), .. Names(second), second.NextPageToken]);
        Assert.Equal(["cart", "stock"], Names(selected));
    }

    [Theory]
    [InlineData("namespaces/default/moduleDeployments/none", StatusCode.NotFound, "moduledeployments.koupleless.io \"none\" not found in namespace \"default\"")]
    [InlineData("namespaces/-/moduleDeployments/orders", StatusCode.InvalidArgument, "name: must be namespaces/NAMESPACE/moduleDeployments/NAME")]
    [InlineData("namespaces/default/modules/orders", StatusCode.InvalidArgument, "name: must be namespaces/NAMESPACE/moduleDeployments/NAME")]
    [InlineData("", StatusCode.InvalidArgument, "name: must be namespaces/NAMESPACE/moduleDeployments/NAME")]
    public async Task A_wrong_name_is_answered_with_what_it_must_be(string name, StatusCode code, string text)
    {
        var exception = await Assert.ThrowsAsync<RpcException>(async () =>
            await _rig.ModuleDeployments.GetModuleDeploymentAsync(new() { Name = name }, Headers));

        Assert.Equal((code, text), (exception.StatusCode, exception.Status.Detail));
        if (code == StatusCode.InvalidArgument)
            Assert.Equal("name", exception.GetRpcStatus()!.GetDetail<BadRequest>().FieldViolations.Single().Field);
    }

    [Fact]
    public async Task The_same_is_served_as_JSON()
    {
        var (code, found) = await _rig.GetJsonAsync($"/v1/{Orders}", _token);
        var (_, list) = await _rig.GetJsonAsync("/v1/namespaces/-/moduleDeployments?pageSize=1&labelSelector=app%3Dstock", _token);

        Assert.Equal((200, Orders, "https://store/orders.jar"), (code, (string)found["name"]!, (string)found["artifact"]!["url"]!));
        Assert.Equal("1", (string)found["generation"]!);
        Assert.Equal("namespaces/default/moduleDeployments/stock", (string)list["moduleDeployments"]!.AsArray().Single()!["name"]!);
    }

    [Fact]
    public async Task Modules_are_shown_with_their_base_pod()
    {
        await _rig.PermitResourceAsync("modules", null, "modules", "get", "list");
        var headers = ControlRig.With(await _rig.UserAsync("modules"));
        await _rig.Cluster.CreateModuleAsync("orders-1", "pod-uid");
        await Eventually.True(() => _rig.Controller.Caches.Modules.Get(new("default", "orders-1")) is not null);
        var modules = new Api.ModuleService.ModuleServiceClient(_rig.Channel);

        var found = await modules.GetModuleAsync(new() { Name = "namespaces/default/modules/orders-1" }, headers);
        var list = await modules.ListModulesAsync(new() { Parent = "namespaces/-" }, headers);

        Assert.Equal("namespaces/default/basePods/base-0", found.BasePod);
        Assert.Equal(found, Assert.Single(list.Modules));
        var denied = await Assert.ThrowsAsync<RpcException>(async () =>
            await modules.ListModulesAsync(new() { Parent = "namespaces/-" }, Headers));
        Assert.Equal(StatusCode.PermissionDenied, denied.StatusCode);
    }

    [Fact]
    public async Task Errors_are_a_status_in_JSON_too()
    {
        var (wrong, invalid) = await _rig.GetJsonAsync("/v1/namespaces/-/moduleDeployments?pageSize=-1", _token);
        var (missing, notFound) = await _rig.GetJsonAsync("/v1/namespaces/default/moduleDeployments/none", _token);
        var (unknown, unauthenticated) = await _rig.GetJsonAsync("/v1/namespaces/default/moduleDeployments/none", null);

        Assert.Equal((400, 3), (wrong, (int)invalid["code"]!));
        Assert.Equal("page_size", (string)invalid["details"]![0]!["fieldViolations"]![0]!["field"]!);
        Assert.Equal((404, 5), (missing, (int)notFound["code"]!));
        Assert.Equal((401, "a bearer token is needed"), (unknown, (string)unauthenticated["message"]!));
    }

    [Fact]
    public async Task Health_and_reflection_need_no_token()
    {
        var health = await new Health.HealthClient(_rig.Channel).CheckAsync(new(), cancellationToken: GatewayRig.Cancellation);
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, health.Status);

        using var reflection = new ServerReflection.ServerReflectionClient(_rig.Channel).ServerReflectionInfo(
            cancellationToken: GatewayRig.Cancellation);
        await reflection.RequestStream.WriteAsync(new() { ListServices = "" }, GatewayRig.Cancellation);
        Assert.True(await reflection.ResponseStream.MoveNext(GatewayRig.Cancellation));
        Assert.Contains(
            "modulecontroller.control.v1.ModuleDeploymentService",
            reflection.ResponseStream.Current.ListServicesResponse.Service.Select(service => service.Name));
        await reflection.RequestStream.WriteAsync(new() { FileByFilename = "google/api/annotations.proto" }, GatewayRig.Cancellation);
        Assert.True(await reflection.ResponseStream.MoveNext(GatewayRig.Cancellation));
        Assert.NotNull(reflection.ResponseStream.Current.FileDescriptorResponse);
        await reflection.RequestStream.CompleteAsync();
    }

    [Fact]
    public async Task A_request_has_a_size()
    {
        var exception = await Assert.ThrowsAsync<RpcException>(async () => await _rig.ModuleDeployments.ListModuleDeploymentsAsync(
            new() { Parent = "namespaces/-", LabelSelector = new('a', 70_000) }, Headers));

        Assert.Equal(StatusCode.ResourceExhausted, exception.StatusCode);
    }

    private Metadata Headers => ControlRig.With(_token);

    private static IEnumerable<string> Names(Api.ListModuleDeploymentsResponse answer) =>
        answer.ModuleDeployments.Select(item => item.Name.Split('/')[^1]);
}
