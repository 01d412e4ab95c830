using System.Globalization;

namespace ModuleController.Core.Commands;

/// <summary>What a command does to a module, as command ids and metrics name it.</summary>
public static class CommandAction
{
    public const string Install = "install";
    public const string Uninstall = "uninstall";
    public const string Switch = "switch";
    public const string Inspect = "inspect";
    public const string Fetch = "fetch";
    public const string Adopt = "adopt";
    public const string Disown = "disown";
}

/// <summary>
/// Names one attempt at one action for one Module in one base life: <c>6f1c…/install/b-1750000000123/2</c>. The same id is never
/// executed twice. Inspections have the ModuleReplicaSet's UID.
/// </summary>
public sealed record CommandId(string ModuleUid, string Action, string BaseLife, int Attempt)
{
    /// <summary>Fetches and inspections don't call Arklet, so they run beside the command that does.</summary>
    public bool IsBeside => Action is CommandAction.Inspect or CommandAction.Fetch;

    public static CommandId? Parse(string? text) =>
        text?.Split('/') is [{ Length: > 0 } uid, var action, var life, var number] && IsKnown(action)
        && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var attempt)
            ? new(uid, action, life, attempt)
            : null;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{ModuleUid}/{Action}/{BaseLife}/{Attempt}");

    private static bool IsKnown(string action) => action is CommandAction.Install or CommandAction.Uninstall or CommandAction.Switch
        or CommandAction.Inspect or CommandAction.Fetch or CommandAction.Adopt or CommandAction.Disown;
}
