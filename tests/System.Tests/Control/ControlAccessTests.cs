using Grpc.Core;
using Microsoft.Extensions.Time.Testing;
using ModuleController.ControlPlane.Access;
using Api = ModuleController.Client.V1;

namespace ModuleController.SystemTests.Control;

/// <summary>Who may call the control API, with the shipped roles: whom RBAC permits what kubectl would need.</summary>
public sealed class ControlAccessTests : IAsyncLifetime
{
    private const string TokenReviews = "tokenreviews.authentication.k8s.io";
    private const string AccessReviews = "subjectaccessreviews.authorization.k8s.io";

    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private ControlRig _rig = null!;

    public async ValueTask InitializeAsync()
    {
        _rig = await ControlRig.StartAsync(_time);
        await _rig.CreateAsync("default", "orders");
    }

    public ValueTask DisposeAsync() => _rig.DisposeAsync();

    [Fact]
    public async Task A_caller_needs_a_token_that_the_API_server_accepts()
    {
        Assert.Equal((StatusCode.Unauthenticated, "a bearer token is needed"), await GetAsync(null));
        Assert.Equal((StatusCode.Unauthenticated, "the API server does not accept the bearer token"), await GetAsync("none"));
    }

    [Fact]
    public async Task The_token_of_an_agent_is_not_accepted_and_the_API_is_not_on_the_port_of_agents()
    {
        var uid = await _rig.Cluster.CreatePodAsync("base-0");
        await _rig.PermitAsync("agent", "default", "get");
        Assert.Equal(StatusCode.Unauthenticated, (await GetAsync(await _rig.Cluster.TokenAsync("base-0", uid))).Code);

        using var channel = ControlRig.Connect(_rig.Controller.AgentAddress);
        var call = new Api.ModuleDeploymentService.ModuleDeploymentServiceClient(channel).GetModuleDeploymentAsync(
            new() { Name = Orders }, ControlRig.With(await _rig.UserAsync("somebody")));
        Assert.Equal(StatusCode.Unimplemented, (await Assert.ThrowsAsync<RpcException>(async () => await call)).StatusCode);
    }

    [Fact]
    public async Task Who_may_not_read_learns_which_permission_is_missing()
    {
        var token = await _rig.UserAsync("reader");
        const string User = "user \"system:serviceaccount:default:reader\" cannot";
        const string Resource = "resource \"moduledeployments\" in API group \"koupleless.io\"";

        Assert.Equal((StatusCode.PermissionDenied, $"{User} get {Resource} in the namespace \"default\""), await GetAsync(token));
        Assert.Equal(
            (StatusCode.PermissionDenied, $"{User} list {Resource} in the namespace \"default\""), await ListAsync(token, "default"));
        Assert.Equal(
            (StatusCode.PermissionDenied, $"{User} list {Resource} at the cluster scope, nor in a namespace that has any"),
            await ListAsync(token, "-"));
    }

    [Fact]
    public async Task Of_all_namespaces_a_caller_sees_those_that_it_may_list()
    {
        await _rig.CreateAsync("hidden", "secret");
        await _rig.CreateAsync("shown", "public");
        var (some, all) = (await _rig.UserAsync("some"), await _rig.UserAsync("all"));
        await _rig.PermitAsync("some", "shown", "list");
        await _rig.PermitAsync("some", "default", "list");
        await _rig.PermitAsync("all", null, "list");

        Assert.Equal((StatusCode.OK, "default/orders shown/public"), await ListAsync(some, "-"));
        Assert.Equal(StatusCode.PermissionDenied, (await ListAsync(some, "hidden")).Code);
        Assert.Equal((StatusCode.OK, "default/orders hidden/secret shown/public"), await ListAsync(all, "-"));
    }

    [Fact]
    public async Task Answers_of_the_API_server_are_used_for_a_short_time()
    {
        var token = await _rig.UserAsync("reader");
        Assert.Equal(StatusCode.PermissionDenied, (await GetAsync(token)).Code);
        await _rig.PermitAsync("reader", "default", "get");
        _time.Advance(Permissions.ValidFor);
        Assert.Equal(StatusCode.OK, (await GetAsync(token)).Code);

        var (tokens, accesses) = (Requests(TokenReviews), Requests(AccessReviews));
        for (var call = 0; call < 3; call++) Assert.Equal(StatusCode.OK, (await GetAsync(token)).Code);
        for (var call = 0; call < 3; call++) Assert.Equal(StatusCode.Unauthenticated, (await GetAsync("none")).Code);
        Assert.Equal((tokens + 1, accesses), (Requests(TokenReviews), Requests(AccessReviews)));

        _time.Advance(Callers.AcceptedFor);
        Assert.Equal(StatusCode.OK, (await GetAsync(token)).Code);
        Assert.Equal((tokens + 2, accesses + 1), (Requests(TokenReviews), Requests(AccessReviews)));
    }

    [Fact]
    public async Task While_the_API_server_does_not_answer_unknown_callers_are_told_to_try_again()
    {
        var token = await _rig.UserAsync("reader");
        await _rig.PermitAsync("reader", "default", "get");
        Assert.Equal(StatusCode.OK, (await GetAsync(token)).Code);

        await _rig.Cluster.StopApiServerAsync();
        Assert.Equal(StatusCode.OK, (await GetAsync(token)).Code);
        var unknown = GetAsync("unknown");
        // The client tries a request several times.
        await Eventually.True(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return unknown.IsCompleted;
        });
        Assert.Equal((StatusCode.Unavailable, "the API server could not be asked about the caller: try again"), await unknown);
        await _rig.Cluster.RestartApiServerAsync();
    }

    private const string Orders = "namespaces/default/moduleDeployments/orders";

    private long Requests(string resource) => _rig.Cluster.Requests("create", resource);

    private Task<(StatusCode Code, string Text)> GetAsync(string? token) => AnswerAsync(async () =>
        (await _rig.ModuleDeployments.GetModuleDeploymentAsync(new() { Name = Orders }, ControlRig.With(token))).Name);

    private Task<(StatusCode Code, string Text)> ListAsync(string? token, string ns) => AnswerAsync(async () =>
    {
        var answer = await _rig.ModuleDeployments.ListModuleDeploymentsAsync(
            new() { Parent = $"namespaces/{ns}" }, ControlRig.With(token));
        return string.Join(' ', answer.ModuleDeployments.Select(item => item.Name.Split('/')).Select(parts => $"{parts[1]}/{parts[3]}"));
    });

    private static async Task<(StatusCode Code, string Text)> AnswerAsync(Func<Task<string>> call)
    {
        try
        {
            return (StatusCode.OK, await call());
        }
        catch (RpcException exception)
        {
            return (exception.StatusCode, exception.Status.Detail);
        }
    }
}
