using System.Net;
using ModuleController.ControlPlane;

namespace ModuleController.SystemTests.Gateway;

/// <summary>Flags, environment, and what a bad one is answered with.</summary>
public sealed class CommandLineTests
{
    [Fact]
    public void Without_flags_the_defaults_of_a_production_start_hold()
    {
        var options = Parsed(["--plaintext-agents"]);

        Assert.Equal((8080, 8443), (options.HttpPort, options.GrpcPort));
        Assert.False(options.Agents.AllowInsecure);
        Assert.Equal("modulecontroller", options.LeaseName);
        Assert.Equal(TimeSpan.FromSeconds(300), options.PodGrace);
        Assert.Equal(TimeSpan.FromMinutes(10), options.AgentOutageHold);
        Assert.Equal(TimeSpan.FromMinutes(10), options.GateTimeout);
    }

    [Fact]
    public void A_flag_wins_over_the_environment()
    {
        var options = Parsed(
            ["--http-port", "81", "--grpc-port=82", "--insecure-agents", "--bind", "127.0.0.5", "--advertise", "host:82", "--lease-renew", "0.5", "--epoch-floor", "41"],
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
    public void A_pod_knows_its_name_address_and_namespace_from_its_manifest()
    {
        var options = Parsed(["--insecure-agents"], ("POD_NAME", "mc-0"), ("POD_IP", "10.1.2.3"), ("POD_NAMESPACE", "system"));

        Assert.Equal(("mc-0", "system", "10.1.2.3"), (options.PodName, options.Namespace, options.PodIp!.ToString()));
        Assert.Equal("other", Parsed(["--namespace", "other", "--insecure-agents"], ("POD_NAMESPACE", "system")).Namespace);
    }

    [Theory]
    [InlineData("--http-prot 1", "unknown argument --http-prot")]
    [InlineData("serve", "unknown argument serve")]
    [InlineData("--http-port 70000", "--http-port: 70000 is no port")]
    [InlineData("--grpc-port x", "--grpc-port: x is no port")]
    [InlineData("--bind localhost", "--bind: localhost is no IP address")]
    [InlineData("--kubeconfig /no/such/file", "--kubeconfig: there is no file /no/such/file")]
    [InlineData("--lease-duration 0", "--lease-duration: 0 is no number of seconds")]
    [InlineData("--lease-duration -1", "--lease-duration: -1 is no number of seconds")]
    [InlineData("--lease-duration NaN", "--lease-duration: NaN is no number of seconds")]
    [InlineData("--lease-duration 2.5", "--lease-duration: 2.5 is not a whole number of seconds")]
    [InlineData("--lease-duration 0.5", "--lease-duration: 0.5 is not a whole number of seconds")]
    [InlineData("--epoch-floor -1", "--epoch-floor: -1 is not a number from 0 to 2000000000")]
    [InlineData("--epoch-floor 2000000001", "--epoch-floor: 2000000001 is not a number from 0 to 2000000000")]
    [InlineData("--lease-renew 20", "--lease-renew: must be below --lease-duration")]
    [InlineData("--lease-retry 10", "--lease-retry: must be below --lease-renew")]
    [InlineData("--insecure-agents=maybe", "--insecure-agents: maybe is neither true nor false")]
    [InlineData("--advertise host", "--advertise: host is not HOST:PORT")]
    [InlineData("--namespace Shop", "--namespace: Shop is no object name")]
    [InlineData("--http-port 8443", "--http-port and --grpc-port: must differ")]
    public void A_bad_argument_is_named_in_one_line(string arguments, string error)
    {
        var (options, said) = CommandLine.Parse([.. arguments.Split(' '), "--plaintext-agents"], _ => null);

        Assert.Null(options);
        Assert.StartsWith(error, said, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', said!);
    }

    [Fact]
    public void A_flag_without_its_value_is_named() =>
        Assert.Equal("--http-port: PORT is missing", CommandLine.Parse(["--http-port"], _ => null).Error);

    [Fact]
    public void A_bad_variable_is_named_too()
    {
        var (_, error) = CommandLine.Parse([], name => name == "MODULECONTROLLER_HTTP_PORT" ? "tcp://10.0.0.1:80" : null);

        Assert.Equal("MODULECONTROLLER_HTTP_PORT: tcp://10.0.0.1:80 is no port", error);
    }

    [Fact]
    public void A_certificate_needs_its_key()
    {
        var file = typeof(CommandLineTests).Assembly.Location;
        Assert.Equal("--tls-cert and --tls-key belong together", CommandLine.Parse(["--tls-cert", file], _ => null).Error);
    }

    [Fact]
    public void Without_a_certificate_a_flag_must_allow_tokens_in_plain_text()
    {
        var (options, error) = CommandLine.Parse([], _ => null);

        Assert.Null(options);
        Assert.Equal("--tls-cert: is missing, so agents would send their tokens in plain text; --plaintext-agents allows that", error);
        Assert.True(Parsed(["--plaintext-agents"]).AllowPlaintextAgents);
        Assert.False(Parsed(["--plaintext-agents"]).Agents.AllowInsecure);
        // Where agents need no token, none is missing its protection.
        Assert.True(Parsed(["--insecure-agents"]).Agents.AllowInsecure);
        var file = typeof(CommandLineTests).Assembly.Location;
        Assert.Equal(file, Parsed(["--tls-cert", file, "--tls-key", file]).TlsCertificate);
    }

    [Fact]
    public void Help_names_every_flag_and_its_variable()
    {
        Assert.Equal((null, null), CommandLine.Parse(["--help"], _ => null));
        Assert.Contains("--lease-duration SECONDS", CommandLine.Help(), StringComparison.Ordinal);
        Assert.Contains("MODULECONTROLLER_LEASE_DURATION", CommandLine.Help(), StringComparison.Ordinal);
    }

    private static ControlPlaneOptions Parsed(string[] arguments, params (string Name, string Value)[] environment)
    {
        var (options, error) = CommandLine.Parse(arguments, name => environment.FirstOrDefault(variable => variable.Name == name).Value);
        Assert.Null(error);
        return options!;
    }
}
