using System.Globalization;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Planning;

/// <summary>Applies <see cref="RetryPolicy"/> to a Module's last error.</summary>
internal static class Retries
{
    public static Retry After(ModuleFacts module, ModuleError error, int attempts)
    {
        // A reason that a newer version wrote: not final, and not at once.
        var reason = FailureReasons.Parse(error.Reason) ?? FailureReason.ArkletUnreachable;
        var count = reason == FailureReason.BaseDied ? DeathsIn(error) : attempts;
        return RetryPolicy.Next(reason, count, module.HasServed, RetryPolicy.Jitter(module.Uid, attempts));
    }

    /// <summary>The base lives that ended under a Module; its error's code counts them.</summary>
    public static int DeathsIn(ModuleError? error) =>
        error?.Reason == nameof(FailureReason.BaseDied)
        && int.TryParse(error.Code, NumberStyles.None, CultureInfo.InvariantCulture, out var deaths)
            ? deaths
            : 0;
}
