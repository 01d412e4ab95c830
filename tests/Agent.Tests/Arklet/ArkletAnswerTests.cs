using ModuleController.Agent.Arklet;

namespace ModuleController.Agent.Tests.Arklet;

/// <summary>The shapes that other versions of Arklet and its container write, through the whole client.</summary>
public class ArkletAnswerTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("upper-case states before 1.3.0", """{"code":"SUCCESS","data":[{"bizName":"a","bizVersion":"1","bizState":"ACTIVATED","webContextPath":"a"}]}""")]
    [InlineData("records with times only", """{"code":"SUCCESS","data":[{"bizName":"a","bizVersion":"1","bizState":"activated","webContextPath":"a","bizStateRecords":[{"changeTime":1750000000123,"state":"resolved"}]}]}""")]
    [InlineData("empty records", """{"code":"SUCCESS","data":[{"bizName":"a","bizVersion":"1","bizState":"activated","webContextPath":"a","bizStateRecords":[{},{}]}]}""")]
    [InlineData("baseID of 1.3.2", """{"baseID":"x","code":"SUCCESS","data":[{"bizName":"a","bizVersion":"1","bizState":"activated","webContextPath":"a"}]}""")]
    [InlineData("baseIdentity", """{"baseIdentity":"10.0.0.7","code":"SUCCESS","data":[{"bizName":"a","bizVersion":"1","bizState":"activated","webContextPath":"a"}]}""")]
    [InlineData("ordinals of fastjson 2", """{"code":0,"data":[{"bizName":"a","bizVersion":"1","bizState":2,"webContextPath":"a"}]}""")]
    [InlineData("references and types", """{"@type":"Response","code":"SUCCESS","data":[{"@type":"BizInfo","bizName":"a","bizVersion":"1","bizState":"activated","webContextPath":"a","bizStateRecords":{"$ref":"$.data[0]"}}]}""")]
    [InlineData("a second value", """{"code":"SUCCESS","data":[{"bizName":"a","bizVersion":"1","bizState":"activated","webContextPath":"a"}]}{"code":"CMD_NOT_FOUND"}""")]
    public async Task A_list_is_read_whatever_version_wrote_it(string shape, string json)
    {
        await using var arklet = CannedArklet.Saying(json);
        using var client = arklet.Client();

        Assert.NotEmpty(shape);
        Assert.Equal([new ArkletBiz("a", "1", ArkletBizState.Activated, "a")], await client.QueryAllAsync(Cancellation));
    }

    [Theory]
    [InlineData("\"Broken\"", ArkletBizState.Broken)]
    [InlineData("\"stopped\"", ArkletBizState.Stopped)]
    [InlineData("3", ArkletBizState.Deactivated)]
    [InlineData("0", ArkletBizState.Unresolved)]
    [InlineData("77", ArkletBizState.Unknown)]
    [InlineData("-1", ArkletBizState.Unknown)]
    [InlineData("\"2\"", ArkletBizState.Unknown)]
    [InlineData("\"flying\"", ArkletBizState.Unknown)]
    [InlineData("null", ArkletBizState.Unknown)]
    public async Task States_are_read_as_names_or_ordinals(string json, ArkletBizState expected)
    {
        await using var arklet = CannedArklet.Saying(
            $$"""{"code":"SUCCESS","data":[{"bizName":"a","bizVersion":"1","bizState":{{json}}},{"bizName":"nameless"},7]}""");
        using var client = arklet.Client();

        Assert.Equal([new ArkletBiz("a", "1", expected, null)], await client.QueryAllAsync(Cancellation));
    }

    [Theory]
    [InlineData("""{"code":"FAILED","message":"no"}""")]
    [InlineData("""{"code":"SUCCESS","data":{}}""")]
    [InlineData("""{"code":"SUCCESS"}""")]
    [InlineData("""{"code":"SUCCESS","data":[{"bizName":"a","bizVer""")]
    [InlineData("""[]""")]
    [InlineData("")]
    [InlineData("<html>")]
    public async Task An_invalid_list_is_not_an_empty_list(string json)
    {
        await using var arklet = CannedArklet.Saying(json);
        using var client = arklet.Client();

        Assert.Null(await client.QueryAllAsync(Cancellation));
    }

    [Theory]
    [InlineData("""{"code":"SUCCESS","data":{"code":"SUCCESS","message":"fine"}}""", ArkletOutcome.Success, "SUCCESS", "fine")]
    [InlineData("""{"code":200,"data":{"code":0}}""", ArkletOutcome.Unknown, "SUCCESS", null)]
    [InlineData("""{"code":0,"data":{"code":0}}""", ArkletOutcome.Success, "SUCCESS", null)]
    [InlineData("""{"code":1,"data":{"code":2,"message":"there"},"message":"top"}""", ArkletOutcome.Repeat, "REPEAT_BIZ", "there")]
    [InlineData("""{"code":"FAILED","data":{"code":"REPEAT_BIZ"},"message":"install biz not success!"}""", ArkletOutcome.Repeat, "REPEAT_BIZ", "install biz not success!")]
    [InlineData("""{"code":"SUCCESS","data":{"code":"NOT_FOUND_BIZ"}}""", ArkletOutcome.NotFound, "NOT_FOUND_BIZ", null)]
    [InlineData("""{"code":"FAILED","data":{"code":"ILLEGAL_STATE_BIZ"}}""", ArkletOutcome.IllegalState, "ILLEGAL_STATE_BIZ", null)]
    [InlineData("""{"code":"FAILED","data":{"code":"FAILED","message":"Master biz must not be uninstalled."}}""", ArkletOutcome.Refused, "FAILED", "Master biz must not be uninstalled.")]
    [InlineData("""{"code":"FAILED","message":"FAILED:a:1 uninstallBiz conflict, exist unfinished command(installBiz) for this biz"}""", ArkletOutcome.Conflict, "FAILED", "FAILED:a:1 uninstallBiz conflict, exist unfinished command(installBiz) for this biz")]
    [InlineData("""{"code":"CMD_NOT_FOUND","message":"please follow the doc"}""", ArkletOutcome.Refused, "CMD_NOT_FOUND", "please follow the doc")]
    [InlineData("""{"code":"CMD_PROCESS_INTERNAL_ERROR","message":"Internal Error"}""", ArkletOutcome.InternalError, "CMD_PROCESS_INTERNAL_ERROR", "Internal Error")]
    [InlineData("""{"code":3}""", ArkletOutcome.InternalError, "CMD_PROCESS_INTERNAL_ERROR", null)]
    [InlineData("""{"code":"SUCCESS"}""", ArkletOutcome.Success, "SUCCESS", null)]
    [InlineData("""{"code":"success","data":{"code":"success"}}""", ArkletOutcome.Success, "SUCCESS", null)]
    public async Task A_command_is_judged_by_envelope_and_container(string json, ArkletOutcome outcome, string code, string? message)
    {
        await using var arklet = CannedArklet.Saying(json);
        using var client = arklet.Client();

        var result = await client.UninstallAsync("a", "1", Cancellation);

        Assert.Equal(new ArkletResult(outcome, code, message), result);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("<html>404</html>")]
    [InlineData("""{"code":"SUCCESS","data":{"co""")]
    public async Task An_answer_cut_short_leaves_a_command_unknown(string json)
    {
        await using var arklet = CannedArklet.Saying(json);
        using var client = arklet.Client();

        Assert.Equal(ArkletOutcome.Unknown, (await client.SwitchAsync("a", "1", Cancellation)).Outcome);
    }

    [Fact]
    public async Task The_last_cause_is_the_outer_exceptions_root()
    {
        await using var arklet = CannedArklet.Saying(
            """
            {"code":"CMD_PROCESS_INTERNAL_ERROR","message":"Internal Error: java.lang.reflect.InvocationTargetException",
             "errorStackTrace":"ArkletRuntimeException: x\n\tat a.B.c(B.java:1)\nCaused by: java.lang.reflect.InvocationTargetException\n\t... 35 more\nCaused by: java.io.IOException: licence.bin: truncated\r\n\tSuppressed: java.lang.Error: s\n\tCaused by: java.lang.Error: of the suppressed\n"}
            """);
        using var client = arklet.Client();

        var result = await client.InstallAsync("a", "1", new Uri("file:///a.jar"), Cancellation);

        Assert.Equal("java.io.IOException: licence.bin: truncated", result.Cause);
        Assert.Equal(ArkletOutcome.InternalError, result.Outcome);
    }

    [Fact]
    public async Task An_exception_without_a_cause_is_its_own()
    {
        await using var arklet = CannedArklet.Saying(
            """{"code":"CMD_PROCESS_INTERNAL_ERROR","errorStackTrace":"java.lang.OutOfMemoryError: Metaspace\n\tat a.B.c(B.java:1)\n"}""");
        using var client = arklet.Client();

        var result = await client.InstallAsync("a", "1", new Uri("file:///a.jar"), Cancellation);

        Assert.Equal("java.lang.OutOfMemoryError: Metaspace", result.Cause);
    }

    [Fact]
    public async Task Class_loader_maps_of_newer_containers_are_ignored()
    {
        var maps = string.Join(',', Enumerable.Range(0, 40_000).Select(i => $$"""
            "com.example.exported.package{{i}}":{"$ref":"$.data.bizInfos[0].dependentPlugins[0].pluginClassLoader"}
            """));
        await using var arklet = CannedArklet.Saying(
            $$$"""
            {"baseIdentity":"b","code":"SUCCESS","data":{"bizInfos":[{"dependentPlugins":[{"@type":"P","exportPackageClassLoaderMap":{{{{maps}}}}}],
             "bizName":"a","bizState":"deactivated","bizVersion":"2","webContextPath":"/"}],"code":"SUCCESS","elapsedSpace":-42,"message":"ok"}}
            """);
        using var client = arklet.Client();

        var result = await client.InstallAsync("a", "2", new Uri("file:///a.jar"), Cancellation);

        Assert.Equal(new ArkletResult(ArkletOutcome.Success, "SUCCESS", "ok", null, new("a", "2", ArkletBizState.Deactivated, "/"), -42),
            result);
    }

    [Fact]
    public async Task Health_figures_are_bytes_and_minus_one_is_no_limit()
    {
        await using var arklet = CannedArklet.Saying(
            """
            {"code":"SUCCESS","data":{"healthData":{"jvm":{"java version":"17.0.15","run time(s)":45.46,"used heap memory(M)":19.5,
             "max heap memory(M)":-9.5367431640625E-7,"java used metaspace":14747080,"java committed metaspace":15073280,"java max metaspace":-1}}}}
            """);
        using var client = arklet.Client();

        var answer = await client.HealthAsync(Cancellation);

        Assert.Equal(HealthOutcome.Answered, answer.Outcome);
        Assert.Equal(new JvmFigures(TimeSpan.FromSeconds(45.46), 20_447_232, -1, 14_747_080, 15_073_280, -1, "17.0.15"), answer.Jvm);
    }

    [Fact]
    public async Task A_health_answer_without_figures_still_is_one()
    {
        await using var arklet = CannedArklet.Saying("""{"code":"SUCCESS","data":{"healthData":{"bizListInfo":[]}}}""");
        using var client = arklet.Client();

        var answer = await client.HealthAsync(Cancellation);

        Assert.Equal((HealthOutcome.Answered, null), (answer.Outcome, answer.Jvm));
    }
}
