using CsCheck;
using ModuleController.Agent.Commands;
using ModuleController.Agent.Tests.EndToEnd;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Tests.Commands;

public sealed class CommandLimitsTests
{
    [Fact]
    public void A_command_within_the_limits_has_no_problem() => Assert.Null(CommandLimits.FindProblem(Good()));

    [Fact]
    public void Every_broken_limit_names_its_field()
    {
        Check("id", command => command.Id = "");
        Check("id", command => command.Id = new string('x', 257));
        Check("base_life_id", command => command.BaseLifeId = "");
        Check("base_life_id", command => command.BaseLifeId = new string('x', 65));
        Check("deadline", command => command.Deadline.Seconds = -1);
        Check("action", command => command.ClearAction());
        Check("module is missing", command => command.Install.Module = null);
        Check("module.name", command => command.Install.Module.Name = new string('ä', 32));
        Check("module.version", command => command.Install.Module.Version = "");
        Check("module.module_uid", command => command.Install.Module.ModuleUid = new string('x', 65));
        Check("source is missing", command => command.Install.Source = null);
        Check("source.url", command => command.Install.Source.Url = new string('x', 2049));
        Check("source.sha256", command => command.Install.Source.Sha256 = "../../x");
        Check("source.md5", command => command.Install.Source.Md5 = "abc");
        Check("pre_install.port", command => command.Install.PreInstall.Port = 0);
        Check("pre_install.port", command => command.Install.PreInstall.Port = 65536);
        Check("pre_install.path", command => command.Install.PreInstall.Path = "@elsewhere/x");
        Check("pre_install.path", command => command.Install.PreInstall.Path = "/a b");
        Check("pre_install.path", command => command.Install.PreInstall.Path = "/" + new string('x', 1024));
        Check("pre_install.timeout", command => command.Install.PreInstall.Timeout = null);
        Check("pre_install.timeout", command => command.Install.PreInstall.Timeout.Seconds = 0);
        Check("pre_install.timeout", command => command.Install.PreInstall.Timeout = new() { Seconds = 3600, Nanos = 1000 });
        Check("pre_install.retries", command => command.Install.PreInstall.Retries = 11);
        Check("post_install.port", command => command.Install.PostInstall = new());
    }

    [Fact]
    public void A_cut_text_has_at_most_its_bytes_and_stays_text() => Gen.Select(Gen.String, Gen.Int[0, 40]).Sample((text, bytes) =>
    {
        var cut = CommandLimits.Cut(text, bytes);
        return System.Text.Encoding.UTF8.GetByteCount(cut) <= bytes && text.StartsWith(cut, StringComparison.Ordinal);
    });

    private static void Check(string field, Action<Command> spoil)
    {
        var command = Good();
        spoil(command);
        Assert.StartsWith(field, CommandLimits.FindProblem(command) ?? "no problem", StringComparison.Ordinal);
    }

    private static Command Good()
    {
        var command = AgentCommands.Install("b-1", "orders", "1.0.0", new Uri("http://jars/x.jar"));
        command.Install.PreInstall = new() { Port = 8080, Path = "/x?y=1", Timeout = new() { Seconds = 1 }, Retries = 10 };
        return command;
    }
}
