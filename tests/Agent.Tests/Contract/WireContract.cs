using System.Text;
using System.Text.Json.Nodes;
using ModuleController.Agent.Arklet;
using static ModuleController.Agent.Tests.Contract.RawConnection;

namespace ModuleController.Agent.Tests.Contract;

/// <summary>What Arklet's port does, byte by byte.</summary>
public abstract class WireContract(ContractFixture fixture) : ContractTests(fixture)
{
    private const string Ok = "HTTP/1.1 200 OK\r\n\r\n";
    private static readonly TimeSpan Silence = TimeSpan.FromMilliseconds(700);

    [Theory]
    [InlineData("{}")]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("""{"unknown":{"field":[1]}}""")]
    public async Task An_answer_has_no_headers_and_ends_with_its_connection(string body) =>
        Assert.Equal(Ok + """{"code":"SUCCESS","data":[]}""", await AskAsync(Base, Post("queryAllBiz", body), Cancellation));

    [Theory]
    [InlineData("nonsense")]
    [InlineData("queryallbiz")]
    [InlineData("queryAllBiz/")]
    [InlineData("")]
    public async Task An_unknown_command_is_answered_with_status_200(string command) => Assert.StartsWith(
        Ok + """{"code":"CMD_NOT_FOUND","message":"please follow the doc"}""",
        await AskAsync(Base, Post(command, "{}"), Cancellation), StringComparison.Ordinal);

    [Fact]
    public async Task A_query_string_is_ignored() =>
        Assert.StartsWith(Ok + """{"code":"SUCCESS",""", await AskAsync(Base, Post("queryAllBiz?x=1", "{}"), Cancellation), StringComparison.Ordinal);

    [Fact]
    public async Task Any_method_but_POST_is_status_500_with_an_own_header() => Assert.Equal(
        "HTTP/1.1 500 Internal Server Error\r\nContent_Length: 42\r\n\r\nPOST http request only supported by arklet",
        await AskAsync(Base, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n", Cancellation));

    [Theory]
    [InlineData("{bad")]
    [InlineData("[]")]
    [InlineData("\"text\"")]
    [InlineData(" ")]
    public async Task A_body_that_is_no_JSON_object_is_never_answered(string body)
    {
        using var connection = await OpenAsync(Base, Cancellation);
        await connection.SendAsync(Post("queryAllBiz", body), Cancellation);

        Assert.Null(await connection.ReadAsync(Silence, Cancellation));
        Assert.Empty(await AllAsync());
    }

    [Fact]
    public async Task A_body_over_one_mebibyte_is_status_413()
    {
        using var connection = await OpenAsync(Base, Cancellation);
        await connection.SendAsync("POST /queryAllBiz HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\nExpect: 100-continue\r\n\r\n",
            Cancellation);

        var answer = await connection.ReadAsync(TimeSpan.FromSeconds(10), Cancellation);

        Assert.Equal("HTTP/1.1 413 Request Entity Too Large\r\ncontent-length: 0\r\n\r\n", Encoding.UTF8.GetString(answer!));
    }

    [Theory]
    [InlineData("installBiz", """{"bizName":"x","bizVersion":"1"}""", "bizUrl should not be blank")]
    [InlineData("installBiz", """{"bizName":"x","bizUrl":"file:///x"}""", "bizName and bizVersion should be both blank or both not blank.")]
    [InlineData("installBiz", """{"bizName":"x","bizVersion":"1","bizUrl":"/x.jar"}""", "java.net.MalformedURLException: no protocol: /x.jar")]
    [InlineData("uninstallBiz", "{}", "bizName should not be blank")]
    [InlineData("switchBiz", """{"bizName":"x"}""", "bizVersion should not be blank")]
    [InlineData("health", """{"type":"x"}""", "type: x can not be found")]
    public async Task Bad_input_is_an_internal_error_with_a_stack_trace(string command, string body, string message)
    {
        var answer = await AnswerAsync(command, body);

        Assert.Equal("CMD_PROCESS_INTERNAL_ERROR", (string?)answer["code"]);
        Assert.Equal("Internal Error: " + message, (string?)answer["message"]);
        Assert.Contains("\n\tat com.alipay.", (string?)answer["errorStackTrace"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Commands_without_input_fail_inside()
    {
        foreach (var command in (string[])["installBiz", "uninstallBiz", "switchBiz"])
            Assert.Equal("CMD_PROCESS_INTERNAL_ERROR", (string?)(await AnswerAsync(command, ""))["code"]);
    }

    [Fact]
    public async Task Help_names_the_commands()
    {
        var answer = await AnswerAsync("help", "");

        Assert.Equal(
            ["health", "help", "installBiz", "queryAllBiz", "queryBizOps", "switchBiz", "uninstallBiz"],
            answer["data"]!.AsArray().Select(c => (string?)c!["id"]).Order());
    }

    [Fact]
    public async Task Health_has_all_sections_and_lists_the_base_which_the_query_does_not()
    {
        var health = (await AnswerAsync("health", ""))["data"]!["healthData"]!.AsObject();
        var name = (string?)health["masterBizInfo"]!["bizName"];

        Assert.Equal(["bizListInfo", "cpu", "jvm", "masterBizInfo", "pluginListInfo"], health.Select(s => s.Key).Order());
        Assert.Equal(
            $$"""{"bizName":"{{name}}","bizState":"activated","bizVersion":"1.0.0","webContextPath":"/"}""",
            Assert.Single(health["bizListInfo"]!.AsArray())!.ToJsonString());
        Assert.Empty(await AllAsync());
        Assert.Equal(
            new ArkletResult(ArkletOutcome.Refused, "FAILED", "Master biz must not be uninstalled."), await UninstallAsync(name!, "1.0.0"));
    }

    [Theory]
    [InlineData("""{"type":"system","metrics":["jvm"]}""", "jvm")]
    [InlineData("""{"type":"biz"}""", "bizListInfo")]
    [InlineData("""{"type":"plugin"}""", "pluginListInfo")]
    [InlineData("""{"type":"biz","bizName":"invoice","bizVersion":"1.0.0"}""", "bizInfo")]
    public async Task Health_has_the_section_that_was_asked_for(string body, string section)
    {
        await InstalledAsync("invoice", "1.0.0");

        Assert.Equal([section], (await AnswerAsync("health", body))["data"]!["healthData"]!.AsObject().Select(s => s.Key));
    }

    [Theory]
    [InlineData("""{"type":"system","metrics":["foo"]}""", "indicator not registered")]
    [InlineData("""{"type":"biz","bizName":"x","bizVersion":"1"}""", "can not find biz")]
    [InlineData("""{"type":"biz","bizName":"x"}""", "can not find biz: x")]
    public async Task Health_of_a_missing_biz_fails(string body, string message) =>
        Assert.Equal($$"""{"code":"FAILED","message":"{{message}}"}""", (await AnswerAsync("health", body)).ToJsonString());

    [Fact]
    public async Task Records_are_empty_objects_and_there_is_no_identity()
    {
        await InstalledAsync("plain", "1.0.0");

        var answer = await AnswerAsync("queryAllBiz", "");

        Assert.Null(answer["baseIdentity"]);
        Assert.Equal("[{},{}]", Assert.Single(answer["data"]!.AsArray())!["bizStateRecords"]!.ToJsonString());
    }

    [Fact]
    public async Task A_command_whose_client_disconnected_is_carried_out()
    {
        using (var connection = await OpenAsync(Base, Cancellation))
            await connection.SendAsync(InstallRequest("invoice"), Cancellation);

        await UntilAsync("invoice is installed", async () => await StateAsync("invoice", "1.0.0") == ArkletBizState.Activated);
    }

    [Fact]
    public async Task A_command_that_was_cut_short_is_not()
    {
        using (var connection = await OpenAsync(Base, Cancellation))
            await connection.SendAsync(InstallRequest("invoice")[..^1], Cancellation);

        await InstalledAsync("orders", "1.0.0");

        Assert.Equal("orders", Assert.Single(await AllAsync()).Name);
    }

    /// <summary>What the client's care for commands stands on: who gets no 100 would have had to wait for the other command.</summary>
    [Fact]
    public async Task A_connection_of_a_busy_loop_gets_no_continue_until_it_is_free()
    {
        var slow = InstallAsync("slow", "1.0.0");
        await UntilAsync("slow starts", async () => await StateAsync("slow", "1.0.0") == ArkletBizState.Resolved);

        var loops = 2 * Environment.ProcessorCount;
        var connections = await Task.WhenAll(Enumerable.Range(0, loops).Select(_ => OpenAsync(Base, Cancellation)));
        foreach (var connection in connections)
            await connection.SendAsync("POST /queryAllBiz HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n",
                Cancellation);
        var answers = await Task.WhenAll(connections.Select(c => c.ReadAsync(Silence, Cancellation)));
        Assert.False(slow.IsCompleted, "the start ended before anything was asked");

        var waiting = connections.Where((_, number) => answers[number] is null).ToList();
        Assert.NotEmpty(waiting);
        Assert.All(answers.OfType<byte[]>(), a => Assert.Equal("HTTP/1.1 100 Continue\r\n\r\n", Encoding.UTF8.GetString(a)));
        Assert.Contains(answers, a => a is not null);
        Assert.Equal(ArkletOutcome.Success, (await slow).Outcome);
        foreach (var connection in waiting)
            Assert.NotNull(await connection.ReadAsync(TimeSpan.FromSeconds(10), Cancellation));
        foreach (var connection in connections) connection.Dispose();
    }

    private string InstallRequest(string name) =>
        Post("installBiz", $$"""{"bizName":"{{name}}","bizVersion":"1.0.0","bizUrl":"{{Base.Jar(name, "1.0.0").AbsoluteUri}}"}""");

    private async Task<JsonNode> AnswerAsync(string command, string body)
    {
        var answer = await AskAsync(Base, Post(command, body), Cancellation);
        Assert.StartsWith(Ok, answer, StringComparison.Ordinal);
        return JsonNode.Parse(answer[Ok.Length..])!;
    }
}
