using System.Globalization;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Tests.World;

/// <summary>One ModuleDeployment in a world where anything may happen next.</summary>
internal sealed class ReleaseWorld
{
    private static readonly string[] Verbs =
        ["confirm", "confirm 1", "confirm 2", "promote", "abort", "retry", "undo", "undo 1", "undo-fast", "redeploy", "pause", "resume",
            "nonsense"];

    public ReleaseWorld(int seed)
    {
        World = new() { CanFetch = seed % 2 == 0 };
        Checks = new(World);
        for (var i = 0; i < 2 + (seed % 6); i++) World.AddPod($"base-{i}");
        var deployment = A.ModuleDeployment(Story.Name, seed % 5 == 0 ? -1 : 1 + (seed / 5 % World.Pods.Count)).With(spec => spec with
        {
            MinReadySeconds = seed % 3 == 0 ? 10 : null,
            OperationStrategy = Strategy(seed / 7),
        });
        World.Deployments[Story.Name] = deployment with { Metadata = deployment.Metadata with { Uid = World.NewUid() } };
    }

    public SmallWorld World { get; }

    public ReleaseChecks Checks { get; }

    private ModuleDeployment? Deployment => World.Deployments.GetValueOrDefault(Story.Name);

    public void Do(int op, int which)
    {
        if (Deployment is null) return;
        World.Now = World.Now.AddSeconds(1);
        switch (op)
        {
            case <= 5: Checks.Rollout(); break;
            case <= 7: Checks.Rollout(which % 5); break;
            case <= 11: Checks.Placement.Place(); break;
            case 12: Checks.Placement.Place(which % 4); break;
            case <= 15: if (World.Modules.Count > 0) World.StepModule(Pick(World.Modules.Keys, which)); break;
            case <= 22: Round(); break;
            case 23: World.Now = World.Now.AddSeconds(which % 5 == 0 ? 700 : which % 40); break;
            default: Touch(op, which); break;
        }
    }

    /// <summary>The ModuleDeployment's reconciler looks at a world of some steps ago, as where its watch is late.</summary>
    public void LookBack(SmallWorld seen)
    {
        if (Deployment is null || !seen.Deployments.ContainsKey(Story.Name)) return;
        World.StepRolloutOn(seen, Story.Name);
        Checks.Placement.IsStale = Checks.MayBegin = Checks.MayForgive = Checks.IsLate = true;
    }

    /// <summary>Somebody else than a planner does something.</summary>
    private void Touch(int op, int which)
    {
        Checks.Placement.IsStale = true;
        switch (op)
        {
            case 24:
                Change(spec =>
                spec with { Template = A.Template(Story.Name, $"{1 + (which % 3)}.0.0") }); Checks.MayForgive = true; break;
            case 25: Checks.MayBegin = true; Change(spec => spec with { Replicas = which % 9 == 0 ? -1 : which % 8 }); break;
            case 26: Scale(which % 8); break;
            case <= 29:
                Change(spec =>
                spec with { ConfirmBatchNum = which % 3 == 0 ? which % 5 : (Deployment!.Status.ReleaseStatus?.CurrentBatch ?? 1) }); break;
            case 30: Change(spec => spec with { Paused = which % 2 == 0 }); break;
            case 31: World.Freeze = which % 3 == 0 ? new("everything", which % 2 == 0 ? "audit" : "", null) : null; break;
            case 32: Act(Pick(Verbs, which)); break;
            case 33: World.AddPod(string.Create(CultureInfo.InvariantCulture, $"base-{World.Pods.Count + World.LostPods}")); break;
            case 34: if (World.Pods.Count > 1) World.LosePod(Pick(World.Pods.Keys, which)); break;
            case 35: Refuse(Pick(World.Pods.Keys, which), which % 3 == 0 ? "is not Ready" : null, isComing: which % 2 == 0); break;
            case 36: if (World.Modules.Count > 0) Break(Pick(World.Modules.Keys, which), which); break;
            case 37: BreakNewest(1 + (which % 3)); break;
            case 38: World.EndLife(Pick(World.Pods.Values, which), isInstalling: which % 2 == 0); break;
            case 39: Change(spec => spec with { OperationStrategy = Strategy(which) }); break;
            case 40: Change(spec => spec with { MinReadySeconds = which % 3 * 10 }); break;
            case 41: Correct(which); break;
            case 42: if (!World.BrokenVersions.Remove($"{1 + (which % 3)}.0.0")) World.BrokenVersions.Add($"{1 + (which % 3)}.0.0"); break;
            case 43: if (which % 4 == 0) Forget(); break;
            case 44: Crowd(which); break;
            case 45: FailFrozen(which); break;
            case 47: Fill(Pick(World.Pods.Keys, which), World.Pods.Values.All(pod => !pod.IsOutOfMetaspace)); break;
            case 46: if (!World.SilentPods.Remove(Pick(World.Pods.Keys, which))) World.SilentPods.Add(Pick(World.Pods.Keys, which)); break;
        }
    }

    /// <summary>Several people in one moment, before anybody has had a look: one confirms another number than the one that is
    /// known, one confirms that by a verb, or gives another verb, and one begins a release.</summary>
    private void Crowd(int which)
    {
        var release = Deployment!.Status.ReleaseStatus;
        var known = release?.IgnoredConfirmBatchNum ?? release?.CurrentBatch ?? 1;
        Change(spec => spec with { ConfirmBatchNum = known + 1 - (which / 4 % 3) });
        Act(which % 4 < 3 ? string.Create(CultureInfo.InvariantCulture, $"confirm {known}") : Pick(Verbs, which / 4));
        Touch(24 + (which % 2), which / 2);
    }

    /// <summary>What would be given up, and gone back from by itself, is held in the same moment.</summary>
    private void FailFrozen(int which)
    {
        if (which % 4 == 0) Change(spec => spec with { Paused = true });
        else World.Freeze = new("everything", "audit", null);
        BreakNewest(2 + (which % 3));
    }

    /// <summary>Everybody has a look. True: something changed.</summary>
    public bool Round()
    {
        var isChange = Checks.Rollout() | Checks.Placement.Place();
        foreach (var name in World.Modules.Keys.ToList()) isChange |= World.StepModule(name);
        return isChange;
    }

    public void Delete() =>
        World.Deployments[Story.Name] = Deployment! with { Metadata = Deployment.Metadata with { DeletionTimestamp = World.Now } };

    /// <summary>Nothing is broken, stopped or without a place any more; the number is one that the base can hold.</summary>
    public void Repair()
    {
        Checks.Placement.IsStale = Checks.MayBegin = Checks.MayForgive = true;
        World.Freeze = null;
        World.BrokenVersions.Clear();
        World.SilentPods.Clear();
        foreach (var name in World.Pods.Keys.ToList())
        {
            Refuse(name, null);
            Fill(name, isFull: false);
        }

        foreach (var (name, module) in World.Modules.Where(item => item.Value.Status.Status == ModulePhase.Failed).ToList())
            World.Modules[name] = module with { Status = new() { Status = ModulePhase.Pending, InstalledAt = module.Status.InstalledAt } };
        if (Deployment is null) return;
        var count = Math.Min(Deployment.Spec.Replicas ?? 0, World.Pods.Count);
        Change(spec => spec with
        {
            Paused = false,
            Replicas = count,
            ScaleReplicas = count < 0 ? spec.ScaleReplicas : count,
            // A single pod can't be upgraded without a gap: that has to be accepted.
            OperationStrategy = spec.OperationStrategy with
            {
                MaxUnavailable = World.Pods.Count == 1
                ? new(1, false) : spec.OperationStrategy.MaxUnavailable
            },
        });
        World.Deployments[Story.Name] = Deployment with
        {
            Metadata = Deployment.Metadata with { Annotations = new Dictionary<string, string> { [Annotations.Action] = "retry" } },
        };
    }

    /// <summary>Time passes, whoever is asked for a confirmation gives it, and where nothing can be handed over a pod is added.</summary>
    public void GoOn(int rounds)
    {
        for (var i = 0; i < rounds && Deployment is not null; i++)
        {
            for (var step = 0; step < 40 && Round(); step++) { }

            if (Deployment
                is
                {
                    Metadata.IsDeleting: false,
                    Status: { UnavailableReplicas: 0, ReleaseStatus.Progress: ReleaseProgress.Completed }
                }) return;
            World.Now = World.Now.AddSeconds(60);
            if (Deployment?.Status.ReleaseStatus?.UpgradePolicy == "scaleup_then_scaledown" && World.Modules.Values.Any(module =>
                !module.IsBound && module.Status.Conditions.Find(ModuleConditions.Scheduled)?.Reason == Reasons.NoEligibleBase))
                World.AddPod(string.Create(CultureInfo.InvariantCulture, $"base-{World.Pods.Count + World.LostPods}"));
            var batch = Deployment?.Status.ReleaseStatus?.CurrentBatch ?? 1;
            if (Deployment is not null) Change(spec => spec with { ConfirmBatchNum = spec.ConfirmBatchNum == batch ? batch + 1 : batch });
        }
    }

    private void Change(Func<ModuleDeploymentSpec, ModuleDeploymentSpec> change) =>
        World.Deployments[Story.Name] = Deployment!.With(change) with
        {
            Metadata = Deployment!.Metadata with { Generation = Deployment.Metadata.Generation + 1 },
        };

    private void Scale(int replicas)
    {
        // Until both fields say the same, another number may be read as one of replicas.
        var (spec, observed) = (Deployment!.Spec, Deployment.Status.ObservedReplicas);
        Checks.MayBegin |= spec.Replicas != spec.ScaleReplicas || spec.Replicas != observed
            || Deployment.Status.ReleaseStatus?.PendingReplicas is not null;
        Change(now => now with { ScaleReplicas = replicas });
    }

    private void Act(string verb)
    {
        Checks.MayForgive |= verb is "retry" || verb.StartsWith("undo", StringComparison.Ordinal) || verb == "redeploy";
        var annotations = Deployment!.Metadata.Annotations.ToDictionary();
        annotations[Annotations.Action] = verb;
        World.Deployments[Story.Name] = Deployment with { Metadata = Deployment.Metadata with { Annotations = annotations } };
    }

    private void Refuse(string pod, string? why, bool isComing = false) =>
        World.Pods[pod] = World.Pods[pod] with { Refusal = why, IsStarting = why is not null && isComing };

    private void Fill(string pod, bool isFull) => World.Pods[pod] = World.Pods[pod] with { IsOutOfMetaspace = isFull };

    private void Break(string name, int which)
    {
        var module = World.Modules[name];
        if (which % 4 == 0) World.Modules[name] = module.Deleting();
        else if (module.IsBound) Fail(name, which % 4 == 1 ? FailureReason.ArtifactUnreachable : FailureReason.BizStartFailed);
    }

    /// <summary>The release's own fault.</summary>
    private void BreakNewest(int count)
    {
        var version = Deployment!.Spec.Template.Spec.Module.Version;
        foreach (var (name, _) in World.Modules.Where(item => item.Value.IsBound && item.Value.Spec.Module.Version == version).Take(count)
            .ToList())
            Fail(name, FailureReason.BizStartFailed);
    }

    private void Fail(string name, FailureReason reason)
    {
        var failed = World.Modules[name].Failed(reason);
        World.Modules[name] = failed with
        {
            Status = failed.Status with
            {
                InstalledAt = World.Modules[name].Status.InstalledAt,
                LastError = failed.Status.LastError! with { Time = World.Now },
            },
        };
    }

    private void Correct(int which)
    {
        var version = Deployment!.Spec.Template.Spec.Module.Version;
        Change(spec =>
            spec with
            {
                Template = A.Template(Story.Name, version, spec.Template.Metadata.Annotations.GetValueOrDefault(Annotations.RedeployAt),
            $"http://jars/{which % 3}.jar")
            });
        Checks.MayForgive = true;
    }

    private void Forget()
    {
        World.Deployments[Story.Name] = Deployment! with { Status = new() };
        Checks.MayBegin = Checks.MayForgive = true;
    }

    private static OperationStrategy Strategy(int seed) => new()
    {
        BatchCount = 1 + (seed % 4),
        UseBeta = seed / 4 % 3 == 0,
        NeedConfirm = seed / 5 % 3 == 0,
        GrayTimeBetweenBatchSeconds = seed / 6 % 3 == 0 ? 30 : null,
        MaxFailures = seed / 3 % 2 == 0 ? 1 : null,
        AutoRollback = seed / 8 % 2 == 0,
        ConfirmDeletion = seed / 2 % 3 == 0,
        MaxUnavailable = seed / 11 % 4 == 0 ? new(50, true) : null,
        UpgradePolicy = (seed / 13 % 4) switch
        {
            0 => UpgradePolicy.InstallThenUninstall.Text(),
            1 => UpgradePolicy.UninstallThenInstall.Text(),
            _ => null,
        },
    };

    private static T Pick<T>(IReadOnlyCollection<T> items, int which) => items.ElementAt(which % items.Count);
}
