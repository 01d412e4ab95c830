using System.Runtime.CompilerServices;
using ModuleController.Dev.Kubelet.Resources;

namespace ModuleController.Dev.Kubelet.Containers;

/// <summary>The three probes over one life of a container; thresholds count results in a row.</summary>
internal sealed class ContainerProbes(Container spec, ContainerContext context, IContainer container)
{
    /// <summary>Waits for the startup probe: true after its first success, false after too many failures.</summary>
    public async Task<bool> StartsAsync(CancellationToken cancellation)
    {
        if (spec.StartupProbe is not { } probe) return true;
        var failures = 0;
        await foreach (var succeeded in ResultsAsync(probe, cancellation))
        {
            if (succeeded) return true;
            if (++failures >= FailuresOf(probe)) return false;
        }

        return false;
    }

    /// <summary>Reports each change of readiness. The container is unready at first.</summary>
    public async Task ReportReadinessAsync(Action<bool> changed, CancellationToken cancellation)
    {
        if (spec.ReadinessProbe is not { } probe) return;
        var (isReady, inRow) = (false, 0);
        await foreach (var succeeded in ResultsAsync(probe, cancellation))
        {
            inRow = succeeded == isReady ? 0 : inRow + 1;
            if (inRow < (isReady ? FailuresOf(probe) : probe.SuccessThreshold ?? 1)) continue;
            (isReady, inRow) = (succeeded, 0);
            changed(isReady);
        }
    }

    /// <summary>Ends when the liveness probe has failed too often.</summary>
    public async Task FailsAsync(CancellationToken cancellation)
    {
        if (spec.LivenessProbe is not { } probe) await Task.Delay(Timeout.InfiniteTimeSpan, context.Time, cancellation);
        else
        {
            var failures = 0;
            await foreach (var succeeded in ResultsAsync(probe, cancellation))
            {
                failures = succeeded ? 0 : failures + 1;
                if (failures >= FailuresOf(probe)) return;
            }
        }
    }

    /// <summary>One result per period, until cancelled.</summary>
    private async IAsyncEnumerable<bool> ResultsAsync(Probe probe, [EnumeratorCancellation] CancellationToken cancellation)
    {
        if (probe.InitialDelaySeconds is { } delay and > 0)
            await Task.Delay(TimeSpan.FromSeconds(delay), context.Time, cancellation);
        while (true)
        {
            yield return await context.Prober.SucceedsAsync(probe, spec, context.PodIp, container, cancellation);
            await Task.Delay(TimeSpan.FromSeconds(probe.PeriodSeconds ?? 10), context.Time, cancellation);
        }
    }

    private static int FailuresOf(Probe probe) => probe.FailureThreshold ?? 3;
}
