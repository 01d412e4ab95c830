using Google.Protobuf.WellKnownTypes;
using ModuleController.Core.Commands;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Hooks;

/// <summary>The hooks around one command. The journal keeps them for whoever recovers the command or replays the module.</summary>
public sealed record CommandHooks(HookCall? Before, HookCall? After)
{
    /// <summary>Null: the command has no hooks.</summary>
    public static CommandHooks? Of(Command command)
    {
        var hooks = command.ActionCase switch
        {
            Command.ActionOneofCase.Install => new CommandHooks(ToCall(command.Install.PreInstall), ToCall(command.Install.PostInstall)),
            Command.ActionOneofCase.Uninstall => new CommandHooks(
                ToCall(command.Uninstall.PreUninstall), ToCall(command.Uninstall.PostUninstall)),
            _ => new CommandHooks(null, null),
        };
        return hooks is { Before: null, After: null } ? null : hooks;
    }

    public void WriteTo(Install install) => (install.PreInstall, install.PostInstall) = (ToMessage(Before), ToMessage(After));

    public void WriteTo(Uninstall uninstall) => (uninstall.PreUninstall, uninstall.PostUninstall) = (ToMessage(Before), ToMessage(After));

    private static HookCall? ToCall(Hook? hook) =>
        hook is null ? null : new((int)hook.Port, hook.Path, hook.Timeout.ToTimeSpan(), (int)hook.Retries, hook.IgnoreFailure);

    private static Hook? ToMessage(HookCall? call) => call is null ? null : new()
    {
        Port = (uint)call.Port,
        Path = call.Path,
        Timeout = Duration.FromTimeSpan(call.Timeout),
        Retries = (uint)call.Retries,
        IgnoreFailure = call.IgnoreFailure,
    };
}
