using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;

namespace ModuleController.Core.Placement;

/// <summary>How many modules of one ModuleDeployment may still be taken out of service. A pod with two overlapping versions
/// is one slot, which serves while one of them does. Only <see cref="TakeDown"/> changes it.</summary>
internal sealed class DisruptionBudget
{
    private readonly Dictionary<string, List<Module>> _serving = [];
    private readonly DeploymentGroup _group;
    private readonly DateTimeOffset _now;
    private readonly int _desired;
    private readonly int _mustRemain;
    private int _available;

    /// <param name="places">How many pods have room for this module, refused ones included. Modules that lack a pod do not count as
    /// unavailable: an upgrade does not make that worse, and would wait for ever.</param>
    public DisruptionBudget(DeploymentGroup group, IEnumerable<Module> live, int desired, int places, DateTimeOffset now)
    {
        (_group, _now, _desired) = (group, now, desired);
        _mustRemain = Math.Min(desired, places) - group.Deployment.MaxUnavailable(desired);
        foreach (var module in live.Where(module => module is { IsBound: true, IsAvailable: true }))
        {
            if (!_serving.TryGetValue(module.Spec.PodUid!, out var slot)) _serving[module.Spec.PodUid!] = slot = [];
            slot.Add(module);
        }

        _available = _serving.Values.Count(slot => slot.Exists(IsLongEnough));
    }

    /// <summary>When the next module will have served for minReadySeconds: the budget grows then.</summary>
    public DateTimeOffset? RequeueAt => _serving.Values.SelectMany(slot => slot)
        .Min(module => ModuleReadiness.AvailableAt(module, _group.Deployment.MinReady, _now));

    /// <summary>This is the only Module of its name that serves on its pod.</summary>
    public bool EndsService(Module module) =>
        module.IsAvailable && module.Spec.PodUid is { } uid && _serving.TryGetValue(uid, out var slot) && slot is [var only]
        && only.Metadata.Uid == module.Metadata.Uid;

    /// <summary>It may be replaced with a gap. A module that does not serve is free.</summary>
    public bool AllowsGap(Module module) =>
        !EndsService(module) || _available - (IsLongEnough(module) ? 1 : 0) >= _mustRemain;

    /// <summary>It may be removed without a replacement. minReadySeconds does not delay a scale-down.</summary>
    public bool AllowsRemoval(Module module) => !EndsService(module) || _serving.Count - 1 >= _mustRemain;

    /// <summary>Nothing would serve any more, and the user did not set maxUnavailable.</summary>
    public bool WouldInterrupt(Module module) =>
        EndsService(module) && _serving.Count == 1 && _desired > 0 && !_group.Deployment.HasMaxUnavailable;

    public void TakeDown(Module module)
    {
        if (module.Spec.PodUid is not { } uid || !_serving.TryGetValue(uid, out var slot)) return;
        var counted = slot.Exists(IsLongEnough);
        slot.RemoveAll(other => other.Metadata.Uid == module.Metadata.Uid);
        if (slot.Count == 0) _serving.Remove(uid);
        if (counted && !slot.Exists(IsLongEnough)) _available--;
    }

    /// <summary>It has served for minReadySeconds.</summary>
    public bool IsLongEnough(Module module) => ModuleReadiness.IsAvailable(module, _group.Deployment.MinReady, _now);
}
