using System.Globalization;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;

namespace ModuleController.Core.BasePods;

/// <summary>The base lives that a Module ended, as the code of its error stores them: <c>1</c>, <c>0+</c>, <c>0++</c>.</summary>
/// <param name="Own">Those that it ended beyond doubt.</param>
/// <param name="Shared">Those since then that another module may have ended as well; 2 stands for more.</param>
internal readonly record struct JvmExits(int Own, int Shared)
{
    private const char SharedMark = '+';

    /// <summary>The last exit may have been another module's.</summary>
    public bool IsShared => Shared > 0;

    /// <summary>It was not the first exit: only alone can a module show whose they were. The first may have been a restart by
    /// hand.</summary>
    public bool MustBeAlone => Shared > 0 && Own + Shared > 1;

    public string Code => Own.ToString(CultureInfo.InvariantCulture) + new string(SharedMark, Shared);

    public static JvmExits Of(ModuleError? error)
    {
        if (error is not { Reason: nameof(FailureReason.BaseDied), Code: { } code }) return default;
        var own = code.TrimEnd(SharedMark);
        return new(
            int.TryParse(own, NumberStyles.None, CultureInfo.InvariantCulture, out var exits) ? exits : 0,
            code.Length - own.Length);
    }

    public JvmExits Next(bool isShared) => isShared ? this with { Shared = Math.Min(Shared + 1, 2) } : new(Own + 1, 0);
}
