using CsCheck;
using ModuleController.Agent.Commands;
using ModuleController.Agent.Tests.EndToEnd;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Tests.Commands;

public sealed class CommandLimitsTests
{
    [Fact]
    public void A_command_within_the_limits_has_no_problem()
    {
        Assert.Null(CommandLimits.FindProblem(Good()));
        Assert.Null(CommandLimits.FindInvalidValue(Good()));
    }

    [Fact]
    public void A_malformed_message_names_its_field()
    {
        Check("id", command => command.Id = "");
        Check("id", command => command.Id = new string('x', 257));
        Check("base_life_id", command => command.BaseLifeId = "");
        Check("base_life_id", command => command.BaseLifeId = new string('x', 65));
        Check("action", command => command.ClearAction());
        Check("module is missing", command => command.Install.Module = null);
        Check("module.name", command => command.Install.Module.Name = "");
        Check("module.version", command => command.Install.Module.Version = "");
        Check("module.module_uid", command => command.Install.Module.ModuleUid = new string('x', 65));
        Check("source is missing", command => command.Install.Source = null);
    }

    /// <summary>Such a value comes from an object of a user: it fails that one command.</summary>
    [Fact]
    public void An_invalid_value_refuses_its_command_and_names_field_and_limit()
    {
        Refuses(Reason.InvalidArtifact, "deadline must be 0 to 86400 seconds, not -1", command => command.Deadline.Seconds = -1);
        Refuses(Reason.InvalidArtifact, "deadline must be 0 to 86400 seconds, not 100000", command => command.Deadline.Seconds = 100_000);
        Refuses(Reason.InvalidArtifact, "module.name must be at most 63 bytes, not 64",
            command => command.Install.Module.Name = new string('ä', 32));
        Refuses(Reason.InvalidArtifact, "source.url must be at most 8192 bytes, not 9000",
            command => command.Install.Source.Url = new string('张', 3000));
        Refuses(Reason.InvalidArtifact, "source.sha256 must be 64 hexadecimal digits, or empty",
            command => command.Install.Source.Sha256 = "../../x");
        Refuses(Reason.InvalidArtifact, "source.md5 must be 32 hexadecimal digits, or empty",
            command => command.Install.Source.Md5 = "abc");
        Refuses(Reason.HookFailed, "pre_install.port must be 1 to 65535, not 0", command => command.Install.PreInstall.Port = 0);
        Refuses(Reason.HookFailed, "pre_install.port must be 1 to 65535, not 65536", command => command.Install.PreInstall.Port = 65536);
        Refuses(Reason.HookFailed, "pre_install.path must begin with '/'", command => command.Install.PreInstall.Path = "@elsewhere/x");
        Refuses(Reason.HookFailed, "pre_install.path must begin with '/'", command => command.Install.PreInstall.Path = "/a b");
        Refuses(Reason.HookFailed, "pre_install.path must be at most 1024 bytes", command => command.Install.PreInstall.Path = "/"
            + new string('张', 400));
        Refuses(Reason.HookFailed, "pre_install.timeout must be more than 0 and at most 3600",
            command => command.Install.PreInstall.Timeout = null);
        Refuses(Reason.HookFailed, "pre_install.timeout must be", command => command.Install.PreInstall.Timeout.Seconds = 0);
        Refuses(Reason.HookFailed, "pre_install.timeout must be",
            command => command.Install.PreInstall.Timeout = new() { Seconds = 3600, Nanos = 1000 });
        Refuses(Reason.HookFailed, "pre_install.retries must be 0 to 10, not 11", command => command.Install.PreInstall.Retries = 11);
        Refuses(Reason.HookFailed, "post_install.port", command => command.Install.PostInstall = new());
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

    private static void Refuses(Reason reason, string message, Action<Command> spoil)
    {
        var command = Good();
        spoil(command);
        Assert.Null(CommandLimits.FindProblem(command));
        var refusal = CommandLimits.FindInvalidValue(command);
        Assert.Equal((Outcome.Refused, reason, "INVALID_COMMAND"), (refusal?.Outcome, refusal?.Reason, refusal?.Code));
        Assert.StartsWith(message, refusal!.Message, StringComparison.Ordinal);
    }

    private static Command Good()
    {
        var command = AgentCommands.Install("b-1", "orders", "1.0.0", new Uri("http://jars/x.jar"));
        command.Install.PreInstall = new() { Port = 8080, Path = "/x?y=1", Timeout = new() { Seconds = 1 }, Retries = 10 };
        return command;
    }
}
