using System.Globalization;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Planning;

/// <summary>Applies <see cref="RetryPolicy"/> to a Module's last error.</summary>
internal static class Retries
{
    private const char Shared = '+';

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
        && int.TryParse(error.Code?.TrimEnd(Shared), NumberStyles.None, CultureInfo.InvariantCulture, out var deaths)
            ? deaths
            : 0;

    /// <summary><c>1</c>; <c>1+</c> after another death that may have been somebody else's.</summary>
    public static string DeathsCode(int deaths, bool isShared) =>
        deaths.ToString(CultureInfo.InvariantCulture) + (isShared ? Shared : "");

    public static bool IsShared(ModuleError? error) =>
        error?.Reason == nameof(FailureReason.BaseDied) && error.Code?.EndsWith(Shared) == true;
}
