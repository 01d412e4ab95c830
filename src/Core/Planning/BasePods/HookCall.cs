using ModuleController.Core.Modules;

namespace ModuleController.Core.Planning;

/// <summary>An HTTP call that the agent makes to its own pod around a command, every default filled in.</summary>
/// <param name="Timeout">For each try.</param>
/// <param name="Retries">Tries after the first.</param>
/// <param name="IgnoreFailure">The command goes on as if the hook had succeeded.</param>
public sealed record HookCall(int Port, string Path, TimeSpan Timeout, int Retries, bool IgnoreFailure)
{
    public static HookCall? From(ModuleHook? hook) => hook is null
        ? null
        : new(
            hook.Port, hook.Path ?? "/", TimeSpan.FromSeconds(hook.TimeoutSeconds ?? 10), hook.Retries ?? 0,
            hook.FailurePolicy == ModuleHook.Ignore);
}
