using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Hooks;

/// <summary>One hook of a command, as the journal keeps it too: what is called, how long and how often.</summary>
/// <param name="Event">What happens: <c>preInstall</c>, <c>postInstall</c>, <c>preUninstall</c> or <c>postUninstall</c>.</param>
/// <param name="Timeout">For each try.</param>
/// <param name="Retries">Tries after the first.</param>
/// <param name="IgnoreFailure">The command goes on as if the hook had succeeded.</param>
public sealed record HookCall(string Event, int Port, string Path, TimeSpan Timeout, int Retries, bool IgnoreFailure)
{
    public const string PreInstall = "preInstall";
    public const string PostInstall = "postInstall";
    public const string PreUninstall = "preUninstall";
    public const string PostUninstall = "postUninstall";

    public static HookCall? From(string @event, Hook? hook) => hook is null
        ? null
        : new(@event, (int)hook.Port, hook.Path, hook.Timeout.ToTimeSpan(), (int)hook.Retries, hook.IgnoreFailure);

    public Hook ToMessage() => new()
    {
        Port = (uint)Port,
        Path = Path,
        Timeout = Google.Protobuf.WellKnownTypes.Duration.FromTimeSpan(Timeout),
        Retries = (uint)Retries,
        IgnoreFailure = IgnoreFailure,
    };
}

/// <summary>The hooks around one command; kept in the journal, for who recovers it, or installs the module again.</summary>
public sealed record CommandHooks(HookCall? Before, HookCall? After)
{
    public void WriteTo(Install install) => (install.PreInstall, install.PostInstall) = (Before?.ToMessage(), After?.ToMessage());

    public void WriteTo(Uninstall uninstall) => (uninstall.PreUninstall, uninstall.PostUninstall) = (Before?.ToMessage(), After?.ToMessage());

    /// <summary>Null where a command has none.</summary>
    public static CommandHooks? Of(Command command)
    {
        var hooks = command.ActionCase switch
        {
            Command.ActionOneofCase.Install => new CommandHooks(
                HookCall.From(HookCall.PreInstall, command.Install.PreInstall), HookCall.From(HookCall.PostInstall, command.Install.PostInstall)),
            Command.ActionOneofCase.Uninstall => new CommandHooks(
                HookCall.From(HookCall.PreUninstall, command.Uninstall.PreUninstall),
                HookCall.From(HookCall.PostUninstall, command.Uninstall.PostUninstall)),
            _ => new CommandHooks(null, null),
        };
        return hooks is { Before: null, After: null } ? null : hooks;
    }
}
