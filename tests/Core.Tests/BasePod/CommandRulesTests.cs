using ModuleController.Core.Commands;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Rules;

namespace ModuleController.Core.Tests.BasePod;

/// <summary>What no agent takes is found before it is sent, with the field and what it must be.</summary>
public sealed class CommandRulesTests
{
    private static readonly ModuleSource Good = new() { Name = "orders", Version = "1.0.0", Url = "http://jars/orders.jar" };
    private static readonly string Long = "/" + new string('张', 1000);

    public static TheoryData<ModuleSource, string> Sources { get; } = new()
    {
        { Good with { Md5 = "abc" }, "spec.module.md5: must be 32 hexadecimal digits, or empty, not 'abc'" },
        { Good with { Sha256 = "abc" }, "spec.module.sha256: must be 64 hexadecimal digits, or empty, not 'abc'" },
        { Good with { Url = "http://jars" + Long + Long + Long }, $"spec.module.url: {FieldLimits.Url.Must}" },
    };

    [Theory]
    [MemberData(nameof(Sources), DisableDiscoveryEnumeration = true)]
    public void A_source_that_agents_refuse_is_an_invalid_artifact(ModuleSource source, string message)
    {
        Assert.Equal(new CommandProblem(FailureReason.InvalidArtifact, message), CommandRules.FindProblem(Install(source)));
        Assert.Equal(
            new CommandProblem(FailureReason.InvalidArtifact, message),
            CommandRules.FindProblem(new ModuleCommand.Inspect("u", source, "", 1, TimeSpan.FromMinutes(1))));
    }

    [Fact]
    public void A_url_as_long_as_an_older_agent_accepts_is_sent()
    {
        var length = Good.Url.Length;
        Assert.Null(CommandRules.FindProblem(Install(Good), length));
        Assert.StartsWith($"spec.module.url has {length} bytes, ", CommandRules.FindProblem(Install(Good), length - 1)!.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_hook_that_agents_refuse_fails_as_one()
    {
        var problem = CommandRules.FindProblem(
            Install(Good) with { After = new(8080, Long, TimeSpan.FromSeconds(1), 0, IgnoreFailure: true) });
        Assert.Equal(FailureReason.HookFailed, problem!.Reason);
        Assert.StartsWith($"spec.hooks.postInstall.path: {FieldLimits.HookPath.Must}, not ", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_long_name_that_an_agent_lists_is_not_sent_back() =>
        Assert.NotNull(CommandRules.FindProblem(new ModuleCommand.Uninstall("u", new('x', 64), "1", "b-1", 1, TimeSpan.FromMinutes(1))));

    [Fact]
    public void Nothing_is_wrong_with_other_commands() =>
        Assert.Null(
            CommandRules.FindProblem(Install(Good) with { Before = new(1, "/x?y=1", TimeSpan.FromHours(1), 10, IgnoreFailure: false) }));

    /// <summary>What is to be removed does not stay for a hook that can't be called.</summary>
    [Fact]
    public void An_uninstall_leaves_out_a_hook_that_breaks_a_rule()
    {
        var world = new World();
        world["orders"] = new()
        {
            Hooks = new() { PreUninstall = new() { Port = 1, Path = Long }, PostUninstall = new() { Port = 2, Path = "/after" } }
        };
        var orders = world.Add("orders");
        world.Settle();
        world.Delete(orders);
        world.Settle();

        var uninstall = Assert.IsType<ModuleCommand.Uninstall>(world.Sent[^1]);
        Assert.Null(uninstall.Before);
        Assert.Equal("/after", uninstall.After!.Path);
        Assert.Null(world.Find(orders));
    }

    private static ModuleCommand.Install Install(ModuleSource source) =>
        new("u", source, "b-1", 1, TimeSpan.FromMinutes(1), Activate: true);
}
