using Google.Protobuf.WellKnownTypes;
using ModuleController.Core.Commands;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Tests.EndToEnd;

/// <summary>Commands as a controller would write them; one Module per name and version.</summary>
internal static class AgentCommands
{
    public static string Uid(string name, string version) => $"uid-{name}-{version}";

    public static Command Install(
        string life, string name, string version, Uri jar, int attempt = 1, double seconds = 60, bool activate = true, ulong epoch = 1,
        string sha256 = "", string? uid = null)
    {
        var module = Module(name, version, uid);
        return New(module, CommandAction.Install, life, attempt, seconds, epoch, command =>
            command.Install = new() { Module = module, Source = new() { Url = jar.AbsoluteUri, Sha256 = sha256 }, Activate = activate });
    }

    public static Command Fetch(string life, string name, string version, Uri jar, int attempt = 1, string? uid = null, string sha256 = "")
    {
        var module = Module(name, version, uid);
        return New(module, CommandAction.Fetch, life, attempt, 60, 1, command =>
            command.Fetch = new() { Module = module, Source = new() { Url = jar.AbsoluteUri, Sha256 = sha256 } });
    }

    public static Command Uninstall(string life, string name, string version, int attempt = 1, double seconds = 60, ulong epoch = 1,
        string? uid = null)
    {
        var module = Module(name, version, uid);
        return New(module, CommandAction.Uninstall, life, attempt, seconds, epoch,
            command => command.Uninstall = new() { Module = module });
    }

    public static Command Switch(string life, string name, string version, int attempt = 1, double seconds = 60, ulong epoch = 1)
    {
        var module = Module(name, version, null);
        return New(module, CommandAction.Switch, life, attempt, seconds, epoch, command => command.Switch = new() { Module = module });
    }

    public static Command Adopt(string life, string name, string version, ulong epoch = 1, string? uid = null)
    {
        var module = Module(name, version, uid);
        return New(module, CommandAction.Adopt, life, 1, 10, epoch, command => command.Adopt = new() { Module = module });
    }

    public static Command Disown(string life, string name, string version, ulong epoch = 1, string? uid = null)
    {
        var module = Module(name, version, uid);
        return New(module, CommandAction.Disown, life, 1, 10, epoch, command => command.Disown = new() { Module = module });
    }

    public static Command Inspect(string name, string version, Uri jar, ulong epoch = 1)
    {
        var module = Module(name, version, null);
        return New(module, CommandAction.Inspect, "", 1, 10, epoch, command =>
            command.Inspect = new() { Module = module, Source = new() { Url = jar.AbsoluteUri } });
    }

    private static ModuleRef Module(string name, string version, string? uid) =>
        new() { ModuleUid = uid ?? Uid(name, version), Name = name, Version = version };

    private static Command New(
        ModuleRef module, string action, string life, int attempt, double seconds, ulong epoch, Action<Command> fill)
    {
        var command = new Command
        {
            Id = new CommandId(module.ModuleUid, action, life, attempt).ToString(),
            Epoch = epoch,
            BaseLifeId = life,
            Deadline = Duration.FromTimeSpan(TimeSpan.FromSeconds(seconds)),
        };
        fill(command);
        return command;
    }
}
