namespace ModuleController.Core.Planning;

/// <summary>How many modules each batch of a release holds.</summary>
public static class Batches
{
    /// <summary>Sizes that differ by at most one, the larger ones first; never more batches than modules. With beta the first
    /// is one module alone. 10 in 3: 4 + 3 + 3; with beta: 1 + 5 + 4.</summary>
    public static IReadOnlyList<int> Sizes(int count, int batches, bool useBeta)
    {
        if (count <= 0) return [];
        if (useBeta) return count == 1 ? [1] : [1, .. Sizes(count - 1, Math.Max(1, batches - 1), useBeta: false)];
        var number = Math.Clamp(batches, 1, count);
        var (share, rest) = Math.DivRem(count, number);
        return [.. Enumerable.Range(0, number).Select(i => share + (i < rest ? 1 : 0))];
    }

    /// <summary>How many modules are updated when a batch (counted from 1) is done. 10 in 3: 4, 7, 10.</summary>
    public static int Goal(int batch, int count, int batches, bool useBeta) =>
        Sizes(count, batches, useBeta).Take(batch).Sum();
}
