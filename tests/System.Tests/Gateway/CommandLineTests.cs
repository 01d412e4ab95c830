using System.Net;
using ModuleController.ControlPlane.Settings;

namespace ModuleController.SystemTests.Gateway;

/// <summary>Flags, environment, and what a bad one is answered with.</summary>
public sealed class CommandLineTests
{
    [Fact]
    public async Task Without_flags_the_defaults_of_a_production_start_hold()
    {
        var options = await Parsed(["--plaintext-agents"]);

        Assert.Equal((8080, 8443), (options.HttpPort, options.GrpcPort));
        Assert.False(options.Agents.AllowInsecure);
        Assert.Equal("modulecontroller", options.LeaseName);
        Assert.Equal(TimeSpan.FromSeconds(300), options.PodGrace);
        Assert.Equal(TimeSpan.FromMinutes(10), options.AgentOutageHold);
        Assert.Equal(TimeSpan.FromMinutes(10), options.GateTimeout);
    }

    [Fact]
    public async Task A_flag_wins_over_the_environment()
    {
        var options = await Parsed(
            ["--http-port", "81", "--grpc-port=82", "--insecure-agents", "--bind", "127.0.0.5", "--advertise", "host:82", "--lease-renew",
                "0.5", "--epoch-floor", "41"],
            ("MODULECONTROLLER_HTTP_PORT", "9000"), ("MODULECONTROLLER_LEASE_DURATION", "2"), ("MODULECONTROLLER_LEASE_RETRY", "0.1"),
            ("MODULECONTROLLER_POD_GRACE", "7"), ("MODULECONTROLLER_AGENT_AUDIENCE", "agents"));

        Assert.Equal((81, 82), (options.HttpPort, options.GrpcPort));
        Assert.True(options.Agents.AllowInsecure);
        Assert.Equal("agents", options.Agents.Audience);
        Assert.Equal(41, options.EpochFloor);
        Assert.Equal(IPAddress.Parse("127.0.0.5"), options.Bind);
        Assert.Equal((2, 0.5, 0.1, 7), (options.LeaseDuration.TotalSeconds, options.LeaseRenew.TotalSeconds,
            options.LeaseRetry.TotalSeconds, options.PodGrace.TotalSeconds));
    }

    [Fact]
    public async Task A_pod_knows_its_name_address_and_namespace_from_its_manifest()
    {
        var options = await Parsed(["--insecure-agents"], ("POD_NAME", "mc-0"), ("POD_IP", "10.1.2.3"), ("POD_NAMESPACE", "system"));

        Assert.Equal(("mc-0", "system", "10.1.2.3"), (options.PodName, options.Namespace, options.PodIp!.ToString()));
        var other = await Parsed(["--namespace", "other", "--insecure-agents"], ("POD_NAMESPACE", "system"));
        Assert.Equal("other", other.Namespace);
    }

    [Theory]
    [InlineData("--http-prot 1", "Unrecognized command or argument '--http-prot'")]
    [InlineData("serve", "Unrecognized command or argument 'serve'")]
    [InlineData("--http-port 70000", "--http-port: 70000 is not a port")]
    [InlineData("--grpc-port x", "--grpc-port: x is not a port")]
    [InlineData("--bind localhost", "--bind: localhost is not an IP address")]
    [InlineData("--kubeconfig /no/such/file", "--kubeconfig: there is no file /no/such/file")]
    [InlineData("--lease-duration 0", "--lease-duration: 0 is not a number of seconds")]
    [InlineData("--lease-duration -1", "--lease-duration: -1 is not a number of seconds")]
    [InlineData("--lease-duration NaN", "--lease-duration: NaN is not a number of seconds")]
    [InlineData("--lease-duration 2.5", "--lease-duration: 2.5 is not a whole number of seconds")]
    [InlineData("--lease-duration 0.5", "--lease-duration: 0.5 is not a whole number of seconds")]
    [InlineData("--epoch-floor -1", "--epoch-floor: -1 is not a number from 0 to 2000000000")]
    [InlineData("--epoch-floor 2000000001", "--epoch-floor: 2000000001 is not a number from 0 to 2000000000")]
    [InlineData("--lease-renew 20", "--lease-renew: must be below --lease-duration")]
    [InlineData("--lease-retry 10", "--lease-retry: must be below --lease-renew")]
    [InlineData("--insecure-agents=maybe", "--insecure-agents: maybe is neither true nor false")]
    [InlineData("--advertise host", "--advertise: host is not HOST:PORT")]
    [InlineData("--namespace Shop", "--namespace: Shop is not an object name")]
    [InlineData("--http-port 8443", "--http-port, --grpc-port, --webhook-port, --metrics-port and --control-port: must differ")]
    [InlineData("--webhook-port 9443", "--webhook-port: needs a certificate, without --plaintext-agents and --insecure-agents")]
    [InlineData("--authorize-verbs", "--authorize-verbs: needs --webhook-port")]
    [InlineData("--metrics-port 8444", "--metrics-port: needs a certificate, without --plaintext-agents and --insecure-agents")]
    [InlineData("--control-port 8445", "--control-port: needs a certificate, without --plaintext-agents and --insecure-agents")]
    [InlineData("--agent-controller host:8443", "--agent-controller: must be http://host:port or https://host:port, not \"host:8443\"")]
    public async Task A_bad_argument_is_named(string arguments, string error)
    {
        var (options, code, _, said) = await RunAsync([.. arguments.Split(' '), "--plaintext-agents"]);

        Assert.Null(options);
        Assert.Equal(2, code);
        Assert.StartsWith(error, said, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--http-prot 1", "--http-port")]
    [InlineData("--lease-duratoin 1", "--lease-duration")]
    public async Task A_mistyped_flag_gets_a_suggestion(string arguments, string suggestion) =>
        Assert.Contains(suggestion, (await RunAsync(arguments.Split(' '))).Output, StringComparison.Ordinal);

    [Fact]
    public async Task A_flag_without_its_value_is_named() =>
        Assert.Contains("Required argument missing for option: '--http-port'.",
            (await RunAsync(["--plaintext-agents", "--http-port"])).Error, StringComparison.Ordinal);

    [Fact]
    public async Task A_bad_variable_is_named_too()
    {
        var (_, _, _, error) = await RunAsync([], ("MODULECONTROLLER_HTTP_PORT", "tcp://10.0.0.1:80"));

        Assert.Equal("MODULECONTROLLER_HTTP_PORT: tcp://10.0.0.1:80 is not a port", error.Trim());
    }

    [Fact]
    public async Task A_certificate_needs_its_key()
    {
        var file = typeof(CommandLineTests).Assembly.Location;
        Assert.Equal("--tls-cert and --tls-key belong together", (await RunAsync(["--tls-cert", file])).Error.Trim());
    }

    [Fact]
    public async Task Without_a_certificate_one_is_created_unless_a_flag_allows_tokens_in_plain_text()
    {
        Assert.True((await Parsed([])).IsTlsAutomatic);
        Assert.True((await Parsed(["--plaintext-agents"])) is { AllowPlaintextAgents: true, IsTlsAutomatic: false });
        Assert.False((await Parsed(["--plaintext-agents"])).Agents.AllowInsecure);
        // Where agents need no token, none is missing its protection.
        Assert.True((await Parsed(["--insecure-agents"])) is { Agents.AllowInsecure: true, IsTlsAutomatic: false });
        Assert.False((await Parsed(["--tls-secret", "theirs"])).IsTlsAutomatic);
        var names = await Parsed(["--service-name", "mc", "--tls-names", "mc.example,other.example"]);
        Assert.Equal(("mc", "mc.example other.example"), (names.ServiceName, string.Join(' ', names.TlsNames)));
        var file = typeof(CommandLineTests).Assembly.Location;
        Assert.Equal(file, (await Parsed(["--tls-cert", file, "--tls-key", file])).TlsCertificate);
        Assert.Equal("theirs", (await Parsed(["--tls-secret", "theirs"])).TlsSecret);
        Assert.Equal("--tls-secret: excludes --tls-cert and --tls-key",
            (await RunAsync(["--tls-cert", file, "--tls-key", file, "--tls-secret", "theirs"])).Error.Trim());
    }

    [Fact]
    public async Task Help_names_every_flag_and_its_variable()
    {
        var (options, code, help, _) = await RunAsync(["--help"]);

        Assert.Null(options);
        Assert.Equal(0, code);
        Assert.Contains("--lease-duration <SECONDS>", help, StringComparison.Ordinal);
        Assert.Contains("MODULECONTROLLER_LEASE_DURATION", help, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_shell_can_ask_for_completions() =>
        Assert.Contains("--lease-duration", (await RunAsync(["[suggest]", "--lease"])).Output, StringComparison.Ordinal);

    private static async Task<ControlPlaneOptions> Parsed(string[] arguments, params (string Name, string Value)[] environment)
    {
        var (options, _, _, error) = await RunAsync(arguments, environment);
        Assert.Empty(error);
        return options!;
    }

    private static async Task<(ControlPlaneOptions? Options, int Code, string Output, string Error)> RunAsync(
        string[] arguments, params (string Name, string Value)[] environment)
    {
        ControlPlaneOptions? options = null;
        await using var output = new StringWriter();
        await using var error = new StringWriter();
        var code = await CommandLine.InvokeAsync(
            arguments, name => environment.FirstOrDefault(variable => variable.Name == name).Value,
            given => Task.FromResult((options = given) is null ? 1 : 0), new() { Output = output, Error = error });
        return (options, code, output.ToString(), error.ToString());
    }
}
