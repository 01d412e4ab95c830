using System.Globalization;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;

namespace ModuleController.Core.BasePods;

/// <summary>Applies <see cref="RetryPolicy"/> to a Module's last error.</summary>
internal static class Retries
{
    private const char Shared = '+';

    public static Retry After(ModuleFacts module, ModuleError error, int attempts)
    {
        // A reason that a newer version wrote: not final, and not at once.
        var reason = FailureReasons.Parse(error.Reason) ?? FailureReason.ArkletUnreachable;
        var count = reason == FailureReason.BaseDied ? DeathsIn(error) : attempts;
        return RetryPolicy.Next(reason, count, module.HasServed, RetryPolicy.Jitter(module.Uid, attempts)) switch
        {
            Retry.After after when error.RetryAfterSeconds is { } seconds && seconds > after.Delay.TotalSeconds =>
                new Retry.After(TimeSpan.FromSeconds(seconds)),
            var next => next,
        };
    }

    /// <summary>The base lives that this Module ended, beyond doubt; its error's code counts them.</summary>
    public static int DeathsIn(ModuleError? error) =>
        error?.Reason == nameof(FailureReason.BaseDied)
        && int.TryParse(error.Code?.TrimEnd(Shared), NumberStyles.None, CultureInfo.InvariantCulture, out var deaths)
            ? deaths
            : 0;

    /// <summary><c>1</c>; <c>0+</c> after one that may have been another's, <c>0++</c> after more of them.</summary>
    public static string DeathsCode(ModuleError? before, bool isShared) => isShared
        ? DeathsIn(before).ToString(CultureInfo.InvariantCulture) + new string(Shared, Math.Min(SharedIn(before) + 1, 2))
        : (DeathsIn(before) + 1).ToString(CultureInfo.InvariantCulture);

    /// <summary>The last death may have been somebody else's.</summary>
    public static bool IsShared(ModuleError? error) => SharedIn(error) > 0;

    /// <summary>It was not the first: only alone can it be told whose they were. The first may have been somebody's hand.</summary>
    public static bool MustBeAlone(ModuleError? error) => SharedIn(error) > 0 && DeathsIn(error) + SharedIn(error) > 1;

    private static int SharedIn(ModuleError? error) =>
        error is { Reason: nameof(FailureReason.BaseDied), Code: { } code } ? code.Length - code.TrimEnd(Shared).Length : 0;
}
