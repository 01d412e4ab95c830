namespace ModuleController.Core.Rollouts;

/// <summary>The arithmetic of batches: how many there are, and how much has changed at the end of each.</summary>
public static class Batches
{
    /// <summary>At most one batch for each module to change. Beta adds a first batch of one module where there is only one batch.</summary>
    public static int Count(int toChange, int batches, bool useBeta) =>
        Math.Clamp(Math.Max(batches, useBeta ? 2 : 1), 1, Math.Max(1, toChange));

    /// <summary>How many of <paramref name="desired"/> are changed when a batch is done: an even share, rounded up. Batches count from 1.
    /// 10 in 3: 4, 7, 10; with beta: 1, 6, 10.</summary>
    public static int Aim(int batch, int desired, int batches, bool useBeta)
    {
        if (batch <= 0 || desired <= 0) return 0;
        if (batch >= batches) return desired;
        return useBeta ? 1 + Share(batch - 1, desired - 1, batches - 1) : Share(batch, desired, batches);
    }

    private static int Share(int batch, int count, int batches) => (int)((((long)batch * count) + batches - 1) / batches);
}
