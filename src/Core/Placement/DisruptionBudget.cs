using ModuleController.Core.Modules;

namespace ModuleController.Core.Placement;

/// <summary>How many modules of one ModuleDeployment may still be taken out of service. A pod with two overlapping versions
/// is one slot, which serves while either does.</summary>
internal sealed class DisruptionBudget
{
    private readonly Dictionary<string, List<Module>> _serving = [];
    private readonly DeploymentGroup _group;
    private readonly DateTimeOffset _now;
    private readonly int _desired;
    private readonly int _mustRemain;
    private int _available;

    /// <param name="places">How many pods there are for this module, also where something keeps them from taking it now. Where
    /// there are fewer than are desired, the rest is unavailable for want of pods: no upgrade makes that worse, and it would wait
    /// for ever on its account.</param>
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

    /// <summary>When a module that serves too shortly to count will count: the budget may grow then.</summary>
    public DateTimeOffset? RequeueAt => _serving.Values.SelectMany(slot => slot)
        .Min(module => ModuleReadiness.AvailableAt(module, _group.Deployment.MinReady, _now));

    /// <summary>Taking this module away stops its slot from serving.</summary>
    public bool EndsService(Module module) =>
        module.IsAvailable && module.Spec.PodUid is { } uid && _serving.TryGetValue(uid, out var slot) && slot is [var only]
        && only.Metadata.Uid == module.Metadata.Uid;

    /// <summary>Replacing it, with a gap, keeps what must remain available. What serves nothing is free.</summary>
    public bool AllowsGap(Module module) =>
        !EndsService(module) || _available - (IsLongEnough(module) ? 1 : 0) >= _mustRemain;

    /// <summary>Removing it for good keeps what must remain serving; minReadySeconds does not hold up a scale-down.</summary>
    public bool AllowsRemoval(Module module) => !EndsService(module) || _serving.Count - 1 >= _mustRemain;

    /// <summary>Nothing would serve any more, and the user did not say that this is all right.</summary>
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
