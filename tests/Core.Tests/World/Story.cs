using System.Globalization;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Modules.Records;
using ModuleController.Core.Placement;
using ModuleController.Core.Rollouts;

namespace ModuleController.Core.Tests.World;

/// <summary>A release as its operator sees it: what is done to one ModuleDeployment, and what comes of it.</summary>
internal sealed class Story
{
    public const string Name = "shop";

    public SmallWorld World { get; } = new();

    public ModuleDeployment Deployment => World.Deployments[Name];

    public ModuleDeploymentStatus Status => Deployment.Status;

    public ReleaseStatus Release => Status.ReleaseStatus!;

    public Condition Progressing => Status.Conditions.Find(DeploymentConditions.Progressing)!;

    public string Message => Progressing.Message!;

    /// <summary>How many base pods carry each version, as <c>1.0.0 x 4, 2.0.0 x 2</c>.</summary>
    public string Versions =>
        string.Join(", ", World.Modules.Values.Where(module => module is { IsBound: true, Metadata.IsDeleting: false })
        .GroupBy(module => module.Spec.Module.Version).OrderBy(group => group.Key, StringComparer.Ordinal)
        .Select(group => string.Create(CultureInfo.InvariantCulture, $"{group.Key} x {group.Count()}")));

    /// <summary>Batch, progress and what is there, in one line.</summary>
    public string Stand => $"{Release.CurrentBatch}/{Release.RealBatchCount} {Release.Progress}: {Versions}";

    public static Story Of(int pods, int? replicas = null, Func<OperationStrategy, OperationStrategy>? strategy = null,
        UpgradePolicy policy = UpgradePolicy.InstallThenUninstall)
    {
        var story = new Story();
        story.AddPods(pods);
        var deployment = A.ModuleDeployment(Name, replicas ?? pods).Policy(policy);
        story.World.Deployments[Name] = strategy is null ? deployment : deployment.Strategy(strategy);
        return story;
    }

    /// <summary>Version 1.0.0 has completed without batches; the strategy holds from now on.</summary>
    public static Story Released(int pods, int? replicas = null, Func<OperationStrategy, OperationStrategy>? strategy = null,
        UpgradePolicy policy = UpgradePolicy.InstallThenUninstall)
    {
        var story = Of(pods, replicas, null, policy).Settle();
        Assert.Equal(ReleaseProgress.Completed, story.Release.Progress);
        if (strategy is not null) story.World.Deployments[Name] = story.Deployment.Strategy(strategy);
        return story.Settle();
    }

    public Story AddPods(int count)
    {
        for (var i = 0; i < count; i++) World.AddPod(
            string.Create(CultureInfo.InvariantCulture, $"base-{World.Pods.Count + World.LostPods:d2}"));
        return this;
    }

    /// <summary>Those that carry the version, the first by name.</summary>
    public Story LosePods(int count, string? version = null)
    {
        var pods = World.Pods.Values.Where(pod => version is null
            || World.Modules.Values.Any(module => module.Spec.PodUid == pod.Uid && module.Spec.Module.Version == version)).Take(count)
                .ToList();
        Assert.Equal(count, pods.Count);
        foreach (var pod in pods) World.LosePod(pod.Name);
        return this;
    }

    public Story Change(Func<ModuleDeploymentSpec, ModuleDeploymentSpec> change)
    {
        World.Deployments[Name] = Deployment.With(change) with
        {
            Metadata = Deployment.Metadata with { Generation = Deployment.Metadata.Generation + 1 },
        };
        return this;
    }

    public Story Strategy(Func<OperationStrategy, OperationStrategy> change) =>
        Change(spec => spec with { OperationStrategy = change(spec.OperationStrategy) });

    public Story Upgrade(string version) => Change(spec => spec with { Template = A.Template(Name, version) });

    public Story Replicas(int replicas) => Change(spec => spec with { Replicas = replicas });

    public Story Scale(int replicas) => Change(spec => spec with { ScaleReplicas = replicas });

    public Story Confirm(int batch) => Change(spec => spec with { ConfirmBatchNum = batch });

    public Story Pause(bool isPaused = true) => Change(spec => spec with { Paused = isPaused });

    public Story Freeze(string? reason)
    {
        World.Freeze = reason is null ? null : new("namespace test", reason, "ops");
        return this;
    }

    public Story Act(string action, string? by = null, string? reason = null)
    {
        var annotations = Deployment.Metadata.Annotations.ToDictionary();
        annotations[Annotations.Action] = action;
        if (by is not null) annotations[Annotations.ActionBy] = by;
        if (reason is not null) annotations[Annotations.ActionReason] = reason;
        return Annotate(annotations);
    }

    /// <summary>Everything until now was one change of this user, which the webhook has seen.</summary>
    public Story By(string user, string request)
    {
        var change = new LastChange { User = user, Time = World.Now, Request = request };
        return Annotate(new Dictionary<string, string>(Deployment.Metadata.Annotations)
        {
            [Annotations.LastChange] = $"{change.About(Deployment)}",
        });
    }

    public Story Delete()
    {
        World.Deployments[Name] = Deployment with { Metadata = Deployment.Metadata with { DeletionTimestamp = World.Now } };
        return this;
    }

    public Story Pass(int seconds)
    {
        World.Now = World.Now.AddSeconds(seconds);
        return this;
    }

    public Story Settle()
    {
        World.Settle();
        return this;
    }

    /// <summary>Everything rests: a second look changes nothing and says nothing.</summary>
    public Story Rest()
    {
        World.Settle();
        if (!World.Deployments.ContainsKey(Name)) return this;
        var plan = Plan();
        Assert.Empty(plan.Steps.Concat(plan.StepsAfterStatus).Select(step => step.GetType().Name));
        Assert.Equal(ResourceText.Of(Status), ResourceText.Of(plan.Status!));
        Assert.DoesNotContain(plan.Events, planned => !planned.IsWarning);
        Assert.Empty(PlacementPlanner.Plan(World.Placement(), World.Now).Steps);
        Assert.Equal(Deployment.Metadata.Generation, Status.ObservedGeneration);
        return this;
    }

    public Story Stands(string stand)
    {
        Rest();
        Assert.Equal(stand, Stand);
        return this;
    }

    public Story Reports(string status, string reason, string message)
    {
        Assert.Equal((status, reason, message), (Progressing.Status, Progressing.Reason, Progressing.Message));
        return this;
    }

    public RolloutPlan Plan() => RolloutPlanner.Plan(World.Rollout(Deployment), World.Now);

    public IEnumerable<Module> Of(string version) => World.Modules.Values.Where(module => module.Spec.Module.Version == version);

    public Story Annotate(Dictionary<string, string> annotations)
    {
        World.Deployments[Name] = Deployment with { Metadata = Deployment.Metadata with { Annotations = annotations } };
        return this;
    }
}
