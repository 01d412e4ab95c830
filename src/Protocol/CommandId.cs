using System.Globalization;

namespace ModuleController.Protocol;

/// <summary>What a command does to a biz; part of its id.</summary>
public enum CommandAction
{
    Install,
    Uninstall,
    Switch,
    Inspect,
    Adopt,
    Disown,
    Fetch,
}

/// <summary>
/// Names one attempt at one action for one Module in one base life: <c>6f1c…/install/b-1750000000123/2</c>. The same id is
/// never executed twice; the next attempt, and the next base life, have another. Inspections take the ModuleReplicaSet's UID.
/// </summary>
public sealed record CommandId(string ModuleUid, CommandAction Action, string BaseLife, int Attempt)
{
    public static bool TryParse(string text, out CommandId? id)
    {
        id = null;
        var parts = text.Split('/');
        if (text.Length > Limits.CommandId || parts.Length != 4 || parts[0].Length == 0) return false;
        if (!Enum.TryParse<CommandAction>(parts[1], ignoreCase: true, out var action) || char.IsAsciiDigit(parts[1].FirstOrDefault()))
            return false;
        if (!int.TryParse(parts[3], NumberStyles.None, CultureInfo.InvariantCulture, out var attempt)) return false;
        id = new(parts[0], action, parts[2], attempt);
        return true;
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{ModuleUid}/{Action.ToString().ToLowerInvariant()}/{BaseLife}/{Attempt}");
}
