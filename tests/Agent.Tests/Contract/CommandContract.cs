using ModuleController.Agent.Arklet;

namespace ModuleController.Agent.Tests.Contract;

/// <summary>What install, uninstall, switch and the queries do.</summary>
public abstract class CommandContract(ContractFixture fixture) : ContractTests(fixture)
{
    [Fact]
    public async Task An_installed_module_is_listed_and_answers_over_http()
    {
        var biz = await InstalledAsync("orders", "1.0.0");

        Assert.Equal(new ArkletBiz("orders", "1.0.0", ArkletBizState.Activated, "orders"), biz);
        Assert.Equal([biz], await AllAsync());
        Assert.Equal("orders 1.0.0", await HelloAsync("orders"));
    }

    [Fact]
    public async Task The_same_module_again_is_a_repeat()
    {
        await InstalledAsync("orders", "1.0.0");

        var again = await InstallAsync("orders", "1.0.0");

        Assert.Equal(
            new ArkletResult(ArkletOutcome.Repeat, "REPEAT_BIZ", "Biz: orders:1.0.0 has been installed or registered.",
                ElapsedSpace: again.ElapsedSpace),
            again);
    }

    [Fact]
    public async Task A_second_version_is_deactivated_until_it_is_switched_to()
    {
        await InstalledAsync("catalog", "1.0.0");
        var second = await InstalledAsync("catalog", "2.0.0");
        Assert.Equal(ArkletBizState.Deactivated, second.State);
        Assert.Equal(("catalog 1.0.0", "catalog 2.0.0"), (await HelloAsync("catalog-v1"), await HelloAsync("catalog-v2")));

        Assert.Equal(ArkletOutcome.Success, (await Arklet.SwitchAsync("catalog", "2.0.0", Cancellation)).Outcome);
        Assert.Equal(
            (ArkletBizState.Deactivated, ArkletBizState.Activated),
            (await StateAsync("catalog", "1.0.0"), await StateAsync("catalog", "2.0.0")));
        Assert.Equal(ArkletOutcome.Success, (await Arklet.SwitchAsync("catalog", "2.0.0", Cancellation)).Outcome);

        Assert.Equal(ArkletOutcome.Success, (await UninstallAsync("catalog", "1.0.0")).Outcome);
        Assert.Equal(("404", "catalog 2.0.0"), (await HelloAsync("catalog-v1"), await HelloAsync("catalog-v2")));
    }

    [Fact]
    public async Task No_other_version_becomes_active_when_the_active_one_is_removed()
    {
        await InstalledAsync("catalog", "1.0.0");
        await InstalledAsync("catalog", "2.0.0");

        await UninstallAsync("catalog", "1.0.0");

        Assert.Equal(ArkletBizState.Deactivated, await StateAsync("catalog", "2.0.0"));
    }

    [Fact]
    public async Task A_missing_biz_is_not_found()
    {
        Assert.Equal(
            new ArkletResult(ArkletOutcome.NotFound, "NOT_FOUND_BIZ", "Uninstall biz: orders:9 not found."),
            await UninstallAsync("orders", "9"));
        Assert.Equal(
            new ArkletResult(ArkletOutcome.NotFound, "NOT_FOUND_BIZ", "Switch biz: orders:9 not found."),
            await Arklet.SwitchAsync("orders", "9", Cancellation));
    }

    [Fact]
    public async Task A_web_context_path_belongs_to_one_module()
    {
        await InstalledAsync("orders", "1.0.0");

        var second = await InstallAsync("orders", "1.1.0");

        Assert.Equal(ArkletOutcome.InternalError, second.Outcome);
        Assert.Equal("java.lang.IllegalArgumentException: Child name [orders] is not unique", second.Cause);
        Assert.Equal([new ArkletBiz("orders", "1.0.0", ArkletBizState.Activated, "orders")], await AllAsync());
        Assert.Equal("orders 1.0.0", await HelloAsync("orders"));

        await UninstallAsync("orders", "1.0.0");
        await InstalledAsync("orders", "1.1.0");
        Assert.Equal("orders 1.1.0", await HelloAsync("orders"));
    }

    [Theory]
    [InlineData("orders", "2.0.0", "java.lang.IllegalStateException: cannot reach the ledger database at db.example:5432")]
    [InlineData("plain-throws", "1.0.0", "java.io.IOException: licence.bin: truncated")]
    public async Task A_module_that_failed_to_start_is_removed_and_the_last_cause_has_the_reason(string name, string version, string cause)
    {
        var result = await InstallAsync(name, version);

        Assert.Equal(
            (ArkletOutcome.InternalError, "Internal Error: java.lang.reflect.InvocationTargetException", cause),
            (result.Outcome, result.Message, result.Cause));
        Assert.Empty(await AllAsync());
    }

    [Fact]
    public async Task A_module_without_Spring_is_removed_although_its_uninstall_failed()
    {
        Assert.Equal(ArkletBizState.Activated, (await InstalledAsync("plain", "1.0.0")).State);

        var result = await UninstallAsync("plain", "1.0.0");

        Assert.Equal(ArkletOutcome.InternalError, result.Outcome);
        Assert.StartsWith("java.lang.NullPointerException: ", result.Cause, StringComparison.Ordinal);
        Assert.Empty(await AllAsync());
        Assert.Equal(ArkletOutcome.NotFound, (await UninstallAsync("plain", "1.0.0")).Outcome);
    }

    [Fact]
    public async Task The_manifest_decides_who_a_biz_is()
    {
        var result = await Arklet.InstallAsync("anything", "9", Base.Jar("invoice", "1.0.0"), Cancellation);

        Assert.Equal(new ArkletBiz("invoice", "1.0.0", ArkletBizState.Activated, "invoice"), result.Biz);
        Assert.Equal(ArkletOutcome.NotFound, (await UninstallAsync("anything", "9")).Outcome);
        Assert.Equal(ArkletOutcome.Success, (await UninstallAsync("invoice", "1.0.0")).Outcome);
    }

    [Fact]
    public async Task While_modules_start_others_are_served_and_theirs_are_in_conflict()
    {
        var started = TimeProvider.System.GetTimestamp();
        var slow = InstallAsync("slow", "1.0.0");
        var sleeps = InstallAsync("plain-sleeps", "1.0.0");
        await UntilAsync("both are starting", async () => (await AllAsync()).Count(b => b.State == ArkletBizState.Resolved) == 2);

        var conflict = await UninstallAsync("slow", "1.0.0");
        await InstalledAsync("invoice", "1.0.0");
        var figures = await FiguresAsync();
        Assert.False(slow.IsCompleted || sleeps.IsCompleted, "the starts ended before anything was asked");

        Assert.Equal(
            new ArkletResult(
                ArkletOutcome.Conflict, "FAILED",
                "FAILED:slow:1.0.0 uninstallBiz conflict, exist unfinished command(installBiz) for this biz"),
            conflict);
        Assert.True(figures.RunTime > TimeSpan.Zero);
        Assert.Equal((ArkletOutcome.Success, ArkletOutcome.Success), ((await slow).Outcome, (await sleeps).Outcome));
        Assert.True(TimeProvider.System.GetElapsedTime(started) > TimeSpan.FromSeconds(2));
        Assert.Equal(("slow 1.0.0", "404"), (await HelloAsync("slow"), await HelloAsync("plain-sleeps")));
    }

    [Theory]
    [InlineData("missing", "java.io.FileNotFoundException: ")]
    [InlineData("text", "java.util.zip.ZipException: zip END header not found")]
    [InlineData("directory", "java.util.zip.ZipException: zip END header not found")]
    public async Task A_file_that_is_no_jar_is_an_internal_error(string kind, string cause)
    {
        var directory = Directory.CreateTempSubdirectory("no-jar-");
        var file = Path.Combine(directory.FullName, "x.jar");
        if (kind != "missing") await File.WriteAllTextAsync(file, "no jar", Cancellation);

        var result = await Arklet.InstallAsync("x", "1", new Uri(kind == "directory" ? directory.FullName : file), Cancellation);

        directory.Delete(recursive: true);
        Assert.Equal(ArkletOutcome.InternalError, result.Outcome);
        Assert.StartsWith(cause, result.Cause, StringComparison.Ordinal);
        Assert.StartsWith("Internal Error: " + cause, result.Message, StringComparison.Ordinal);
        Assert.Empty(await AllAsync());
    }

    [Fact]
    public async Task Health_has_the_jvms_figures()
    {
        var first = await FiguresAsync();
        var second = await FiguresAsync();

        Assert.True(second.RunTime >= first.RunTime);
        Assert.True(first.UsedMetaspace > 10_000_000 && first.CommittedMetaspace >= first.UsedMetaspace, first.ToString());
        Assert.Equal(-1, first.MaxMetaspace);
        Assert.True(first.UsedHeap > 1_000_000 && first.MaxHeap > first.UsedHeap, first.ToString());
        Assert.Matches(@"^\d+\.\d+", first.JavaVersion);
    }

    [Fact]
    public async Task An_install_reports_its_use_of_Metaspace()
    {
        var before = await FiguresAsync();

        var result = await InstallAsync("invoice", "1.0.0");

        Assert.True(result.ElapsedSpace > 0, $"{result.ElapsedSpace}");
        Assert.True((await FiguresAsync()).UsedMetaspace > before.UsedMetaspace);
    }
}
