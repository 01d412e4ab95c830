using ModuleController.Dev.Load.Measuring;

namespace ModuleController.SystemTests.Load;

/// <summary>What the load program reads from the controller's <c>/metrics</c>.</summary>
public sealed class ControllerMetricsTests
{
    [Fact]
    public void The_lag_of_each_cache_is_added_up_since_the_last_reading()
    {
        var metrics = Reading(modules: (7, 9, 9, 9), pods: (3, 3, 4, 5)).Since(Reading(modules: (2, 2, 2, 2), pods: (0, 0, 0, 0)));
        Assert.Equal(
            [new("modules.koupleless.io", Count: 7, OverOneSecond: 0, AtMost: 1), new("pods", Count: 5, OverOneSecond: 2, AtMost: null)],
            LagFigures.Of([metrics.CacheLag]));
        Assert.Equal(
            [new("modules.koupleless.io", Count: 16, OverOneSecond: 0, AtMost: 1), new("pods", Count: 5, OverOneSecond: 2, AtMost: null)],
            LagFigures.Of([metrics.CacheLag, Reading(modules: (7, 9, 9, 9)).CacheLag]));
    }

    [Fact]
    public void Without_observed_writes_there_is_no_lag() =>
        Assert.Empty(
        LagFigures.Of([ControllerMetrics.Parse("kube_cache_lag_seconds_bucket{controller=\"placement\",le=\"+Inf\"} 5 1").CacheLag]));

    private static ControllerMetrics Reading(
        (int Half, int One, int Ten, int All) modules, (int Half, int One, int Ten, int All) pods = default) => ControllerMetrics.Parse(
        string.Join('\n', Lines("modules.koupleless.io", modules).Concat(Lines("pods", pods))));

    private static IEnumerable<string> Lines(string resource, (int Half, int One, int Ten, int All) counts)
    {
        foreach (var (limit, count) in ((string, int)[])[("0.5", counts.Half), ("1", counts.One), ("10", counts.Ten), ("+Inf", counts.All)])
            yield return $"kube_cache_lag_seconds_bucket{{otel_scope_name=\"ModuleController.Kube\",resource=\"{resource}\",le=\"{limit}\"}} {count} 1790000000000";
    }
}
