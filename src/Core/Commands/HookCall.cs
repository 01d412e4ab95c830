using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Rules;

namespace ModuleController.Core.Commands;

/// <summary>An HTTP call that the agent makes to its own pod around a command, every default filled in.</summary>
/// <param name="Timeout">For each try.</param>
/// <param name="Retries">Tries after the first.</param>
/// <param name="IgnoreFailure">The command continues as if the hook had succeeded.</param>
public sealed record HookCall(int Port, string Path, TimeSpan Timeout, int Retries, bool IgnoreFailure)
{
    public static HookCall? From(ModuleHook? hook) => hook is null
        ? null
        : new(
            hook.Port, hook.Path ?? "/",
            TimeSpan.FromSeconds(FieldLimits.HookTimeoutSeconds.Nearest(hook.TimeoutSeconds ?? 10)),
            FieldLimits.HookRetries.Nearest(hook.Retries ?? 0), hook.FailurePolicy == ModuleHook.Ignore);

    /// <summary>A hook that breaks a rule is not called around an uninstall: what is to be removed does not stay for it.</summary>
    public static HookCall? OfUninstall(ModuleHook? hook) =>
        hook is null || ModuleRules.Check(hook, "").Any(breach => breach.Instead is null) ? null : From(hook);

    /// <summary>The hook that this is the call of, as far as rules are concerned.</summary>
    public ModuleHook ToHook() => new() { Port = Port, Path = Path, TimeoutSeconds = (int)Timeout.TotalSeconds, Retries = Retries };
}
