using System.Diagnostics;
using System.Text;

namespace ModuleController.SystemTests.Gateway;

/// <summary>The controller as a process: how it starts and with which code it ends.</summary>
public sealed class ProgramTests
{
    [Fact]
    public async Task An_unknown_flag_ends_it_with_code_2_and_is_named()
    {
        using var process = Start(["--no-such-flag", "--plaintext-agents"]);

        Assert.Equal(2, await ExitCodeAsync(process));
        Assert.Equal("Unrecognized command or argument '--no-such-flag'.",
            (await process.StandardError.ReadToEndAsync(GatewayRig.Cancellation)).Trim());
    }

    [Fact]
    public async Task Without_a_flag_about_certificates_it_makes_its_own()
    {
        await using var rig = await GatewayRig.StartAsync();
        using var process = Start(["--kubeconfig", rig.Kubeconfig, "--bind", "127.0.0.1", "--http-port", "0", "--grpc-port", "0"]);
        var said = Follow(process);
        await Eventually.True(
            () => Said(said).Contains("The certificate in Secret default/modulecontroller-certificates is in use", StringComparison.Ordinal),
            () => Said(said));
        Assert.Contains("for agents, on https://127.0.0.1:", Said(said), StringComparison.Ordinal);
        await EndAsync(process, said);
    }

    [Fact]
    public async Task It_starts_with_a_kubeconfig_leads_and_ends_with_code_0_on_SIGTERM()
    {
        await using var rig = await GatewayRig.StartAsync();
        using var process = Start(
            ["--kubeconfig", rig.Kubeconfig, "--bind", "127.0.0.1", "--http-port", "0", "--grpc-port", "0", "--insecure-agents"]);
        var said = Follow(process);
        await Eventually.True(() => Said(said).Contains("Everything runs", StringComparison.Ordinal), () => Said(said));
        await EndAsync(process, said);
        Assert.Contains("has released its lease", Said(said), StringComparison.Ordinal);
    }

    private static StringBuilder Follow(Process process)
    {
        var said = new StringBuilder();
        process.OutputDataReceived += (_, line) =>
        {
            lock (said) said.AppendLine(line.Data);
        };
        process.BeginOutputReadLine();
        return said;
    }

    /// <summary>SIGTERM, as a kubelet would.</summary>
    private static async Task EndAsync(Process process, StringBuilder said)
    {
        using var kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);
        Assert.True(await ExitCodeAsync(process) == 0, Said(said));
    }

    private static string Said(StringBuilder said)
    {
        lock (said) return said.ToString();
    }

    private static Process Start(string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardError = true, RedirectStandardOutput = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "ModuleController.ControlPlane.dll"));
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }

    private static async Task<int> ExitCodeAsync(Process process)
    {
        try
        {
            await process.WaitForExitAsync(GatewayRig.Cancellation).WaitAsync(Eventually.Deadline, GatewayRig.Cancellation);
            return process.ExitCode;
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
    }
}
