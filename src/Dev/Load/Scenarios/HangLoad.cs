using ModuleController.Dev.Load.Clusters;
using ModuleController.Dev.Load.Measuring;

namespace ModuleController.Dev.Load.Scenarios;

/// <summary>The same install with and without bases whose Arklet accepts connections and never answers.</summary>
internal sealed class HangLoad(LoadCluster cluster, LoadOptions options, Action<string> progress)
{
    public async Task<(HangFigures Figures, IReadOnlyList<string> Problems)> RunAsync(CancellationToken cancellation)
    {
        var hanging = cluster.Bases.All.Keys.Order(StringComparer.Ordinal).Take(options.Hang).ToHashSet();
        var (without, with, problems) = (new List<double>(), new List<double>(), new List<string>());
        // Alternating, so that other load on the machine affects both. The first one warms the controller up and is not counted.
        for (var number = 0; number <= 2 * options.Runs; number++)
        {
            var hangs = number > 0 && number % 2 == 0;
            if (hangs) foreach (var uid in hanging) cluster.Bases.All[uid].Hang();
            using var installation = await Installation.CreateAsync(cluster, options, number, cancellation);
            await installation.AvailableAsync(
                (options.Bases - options.Hang) * options.Modules, uid => !hanging.Contains(uid), cancellation);
            var others = installation.AvailableOn(uid => !hanging.Contains(uid)).TotalSeconds;
            if (number > 0) (hangs ? with : without).Add(others);
            var kind = hangs ? "with a hang" : "without a hang";
            progress($"run {number}, {kind}: the others are Available after {others:0.00} s; {installation.Describe()}");

            if (hangs) foreach (var uid in hanging) cluster.Bases.All[uid].Resume();
            await installation.AvailableAsync(installation.Expected, _ => true, cancellation);
            problems.AddRange(installation.Miscounts());
            await installation.DeleteAsync(cancellation);
        }

        return (new(without, with), problems);
    }
}
