using System.Diagnostics;
using System.Text.Json.Nodes;
using ModuleController.ControlPlane.Injection;
using ModuleController.ControlPlane.Settings;

namespace ModuleController.SystemTests.Injection;

/// <summary><c>inject -f</c> of the controller's program.</summary>
public sealed class InjectCommandTests : IDisposable
{
    private const string Base = """
        apiVersion: apps/v1
        kind: Deployment
        metadata: { name: base }
        spec:
          template:
            metadata: { labels: { app: base, koupleless.io/inject: "true" } }
            spec: { containers: [{ name: base, image: "your.example/base:1" }] }
        """;

    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public async Task The_manifest_is_printed_with_the_agent_and_its_other_documents()
    {
        var (code, output, error) = await InjectAsync($"---\n{Base}\n---\nkind: Service\nmetadata: {{ name: base }}\n---\n# nothing\n");

        Assert.Equal((0, ""), (code, error));
        var documents = ManifestReader.Read(new StringReader(output));
        Assert.Equal(["Deployment", "Service"], documents.Select(document => (string?)document["kind"]));
        Assert.Equal("agent", (string?)Agent(documents[0])["name"]);
        Assert.Equal("""{"kind":"Service","metadata":{"name":"base"}}""", documents[1].ToJsonString());
    }

    [Fact]
    public async Task Options_reach_the_agent()
    {
        var (code, output, _) = await InjectAsync(
            Base, "--agent-image", "mine/agent:2", "--controller-address", "https://other:9443/", "--agent-audience", "them",
            "--ca-config-map", "roots");

        Assert.Equal(0, code);
        var agent = Agent(ManifestReader.Read(new StringReader(output))[0]);
        Assert.Equal("mine/agent:2", (string?)agent["image"]);
        Assert.Contains("value: https://other:9443\n", output, StringComparison.Ordinal);
        Assert.Contains("audience: them\n", output, StringComparison.Ordinal);
        Assert.Contains("name: roots\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task As_a_process_it_reads_standard_input_and_a_second_pass_changes_nothing()
    {
        var first = await PipeAsync(Base);
        Assert.Contains("- name: agent\n", first, StringComparison.Ordinal);
        Assert.Equal(first, await PipeAsync(first));
    }

    [Fact]
    public async Task What_cannot_have_the_agent_is_printed_unchanged_and_reported_with_code_1()
    {
        var manifest = Base.Replace("Deployment", "StatefulSet", StringComparison.Ordinal);
        var (code, output, error) = await InjectAsync($"{manifest}\n---\n{Base}");

        Assert.Equal(1, code);
        Assert.Equal("inject: StatefulSet base: a base is a Deployment: this kind does not get the agent", error.Trim());
        var documents = ManifestReader.Read(new StringReader(output));
        Assert.True(JsonNode.DeepEquals(ManifestReader.Read(new StringReader(manifest))[0], documents[0]));
        Assert.Equal("agent", (string?)Agent(documents[1])["name"]);
    }

    [Fact]
    public async Task What_will_not_work_is_reported_and_injected()
    {
        var (code, output, error) = await InjectAsync(
            Base.Replace("{ containers", "{ hostNetwork: true, containers", StringComparison.Ordinal));

        Assert.Equal(0, code);
        Assert.StartsWith("inject: Deployment base: the pod is on the host network", error, StringComparison.Ordinal);
        Assert.Contains("- name: agent\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_manifest_without_a_request_is_printed_unchanged_with_a_hint()
    {
        var (code, output, error) = await InjectAsync("kind: Service");

        Assert.Equal((0, "kind: Service\n"), (code, output));
        Assert.Contains("needs the label koupleless.io/inject: \"true\" in its pod template", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("kind: [", "line 2, column 1")]
    [InlineData("kind: A\nkind: B", "line 2, column 1")]
    [InlineData("- kind: A", "line 1, column 1: the document is not an object")]
    [InlineData("text", "line 1, column 1: the document is not an object")]
    [InlineData("a: &a [*a]", "too large or too deep")]
    [InlineData("a: &a {b: 1}\nc: { <<: *a }", "line 2, column 6: a key must be a string, and merge keys are not supported")]
    public async Task Text_that_is_no_manifest_is_an_error_that_says_where(string text, string problem)
    {
        var (code, output, error) = await InjectAsync(text);

        Assert.Equal((1, ""), (code, output));
        Assert.StartsWith($"inject: {_file}: ", error, StringComparison.Ordinal);
        Assert.Contains(problem, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("inject", 2, "Option '--filename' is required.")]
    [InlineData("inject -f /no/such/file", 1, "inject: /no/such/file: Could not find")]
    [InlineData("inject -f x --controller-address host:1", 2, "--controller-address: must be http://host:port or https://host:port")]
    [InlineData("inject -f x --http-port 1", 2, "Unrecognized command or argument '--http-port'")]
    public async Task A_bad_argument_is_named(string arguments, int expected, string problem)
    {
        var (code, _, error) = await RunAsync(arguments.Split(' '));

        Assert.Equal(expected, code);
        Assert.StartsWith(problem, error, StringComparison.Ordinal);
    }

    private async Task<(int Code, string Output, string Error)> InjectAsync(string manifest, params string[] options)
    {
        await File.WriteAllTextAsync(_file, manifest, TestContext.Current.CancellationToken);
        return await RunAsync(["inject", "-f", _file, .. options]);
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(string[] arguments)
    {
        await using var output = new StringWriter();
        await using var error = new StringWriter();
        var code = await CommandLine.InvokeAsync(
            arguments, _ => null, _ => throw new InvalidOperationException("the controller starts"),
            new() { Output = output, Error = error });
        return (code, output.ToString(), error.ToString());
    }

    private static async Task<string> PipeAsync(string manifest)
    {
        var cancellation = TestContext.Current.CancellationToken;
        var start = new ProcessStartInfo("dotnet") { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "ModuleController.ControlPlane.dll"));
        foreach (var argument in (string[])["inject", "-f", "-"]) start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        await process.StandardInput.WriteAsync(manifest);
        process.StandardInput.Close();
        var output = await process.StandardOutput.ReadToEndAsync(cancellation);
        await process.WaitForExitAsync(cancellation);
        Assert.Equal(0, process.ExitCode);
        return output;
    }

    private static JsonNode Agent(JsonObject deployment) =>
        Assert.Single(deployment["spec"]!["template"]!["spec"]!["initContainers"]!.AsArray())!;
}
