using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ModuleController.Core.Agents;

namespace ModuleController.SystemTests.Gateway;

/// <summary>Our own agent against our own gateway: both sides of the protocol in two processes.</summary>
public sealed class RealAgentTests
{
    // In its own folder: in ours it would miss what a web program gets from the shared framework.
    internal static string AgentAssembly => Path.Combine(
        AppContext.BaseDirectory.Replace("System.Tests", "Agent", StringComparison.Ordinal), "ModuleController.Agent.dll");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_agent_shows_its_token_is_let_in_and_reports_a_base_that_does_not_answer(bool isOverTls)
    {
        var state = Directory.CreateTempSubdirectory("gateway-agent-").FullName;
        await using var rig = await GatewayRig.StartAsync();
        var (certificate, key) = WriteCertificate(state);
        var controller = await rig.StartLeaderAsync(
            GatewayRig.Patient with { AllowInsecure = false },
            options => isOverTls ? options with { TlsCertificate = certificate, TlsKey = key } : options);
        Assert.Equal(isOverTls ? "https" : "http", controller.AgentAddress.Scheme);
        var uid = await rig.CreatePodAsync("base-0");
        var token = Path.Combine(state, "token");
        await File.WriteAllTextAsync(token, await rig.TokenAsync("base-0", uid), GatewayRig.Cancellation);
        var start = new ProcessStartInfo("dotnet")
        {
            ArgumentList =
            {
                AgentAssembly, $"--controller-address={controller.AgentAddress}",
                "--pod-namespace=default", "--pod-name=base-0", $"--pod-uid={uid}", $"--state-dir={state}", $"--token-file={token}",
                // Port 1 of an address of this test's own: nothing listens there.
                "--arklet-host=127.77.0.1", "--arklet-port=1",
            },
        };
        // The file of the authorities appears later: the agent waits for it.
        var authorities = Path.Combine(state, "ca.crt");
        if (isOverTls) start.ArgumentList.Add($"--ca-file={authorities}");
        start.RedirectStandardOutput = true;
        using var agent = Process.Start(start)!;
        var waits = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        agent.OutputDataReceived += (_, line) =>
        {
            if (line.Data?.Contains("waiting for the certificate authority", StringComparison.Ordinal) == true) waits.TrySetResult();
        };
        agent.BeginOutputReadLine();
        try
        {
            if (isOverTls)
            {
                await Eventually.Ends(waits.Task);
                File.Copy(certificate, authorities);
            }

            await GatewayRig.SeenAsync(
                controller, "base-0", uid, view =>
                    view is { IsConnected: true, IsCurrent: false, State: BaseState.Down, Life: null, ArkletPort: 1 },
                "the agent says that the base is down");

            agent.Kill();
            await GatewayRig.SeenAsync(controller, "base-0", uid, view => view!.IsConnected == false, "its stream is lost");
        }
        finally
        {
            if (!agent.HasExited) agent.Kill();
            await agent.WaitForExitAsync(CancellationToken.None);
            Directory.Delete(state, recursive: true);
        }
    }

    /// <summary>A certificate that is its own authority, for the address that tests listen on.</summary>
    internal static (string Certificate, string Key) WriteCertificate(string folder)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=controller", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddMinutes(-5), now.AddHours(1));
        var files = (Certificate: Path.Combine(folder, "tls.crt"), Key: Path.Combine(folder, "tls.key"));
        File.WriteAllText(files.Certificate, certificate.ExportCertificatePem());
        File.WriteAllText(files.Key, key.ExportPkcs8PrivateKeyPem());
        return files;
    }
}
