using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Placement;
using ModuleController.Core.Rollouts;

namespace ModuleController.Core.Tests.World;

/// <summary>What the API server does with the steps of plans.</summary>
internal static class WorldWrites
{
    public static void CarryOut(this SmallWorld world, PlacementStep step)
    {
        world.Log.Add(Text(step));
        switch (step)
        {
            case PlacementStep.Create create:
                var module = ModuleObjects.Created(create);
                var named = module with { Metadata = module.Metadata with { Uid = world.NewUid(), ResourceVersion = "1" } };
                if (!world.Modules.TryAdd(create.Name, named))
                    throw new InvalidOperationException($"{create.Name} exists");
                break;
            case PlacementStep.Adopt adopt:
                world.Modules[adopt.Module.Metadata.Name] = ModuleObjects.Adopted(adopt);
                break;
            case PlacementStep.Bind bind:
                var bound = world.Modules[bind.Module.Metadata.Name];
                if (bound.IsBound) throw new InvalidOperationException($"{bound.Metadata.Name} is bound already");
                world.Modules[bound.Metadata.Name] = bound with
                {
                    Spec = bound.Spec with { PodName = bind.Pod.Name, PodUid = bind.Pod.Uid, Replaces = bind.Replaces?.Metadata.Uid },
                };
                break;
            case PlacementStep.Delete delete:
                world.Modules[delete.Module.Metadata.Name] = world.Modules[delete.Module.Metadata.Name].Deleting();
                break;
            case PlacementStep.Release release:
                world.Modules.Remove(release.Module.Metadata.Name);
                break;
            case PlacementStep.Explain explain:
                var waiting = world.Modules[explain.Module.Metadata.Name];
                world.Modules[waiting.Metadata.Name] = waiting with
                {
                    Status = waiting.Status with
                    {
                        Status = ModulePhase.Pending,
                        Conditions = waiting.Status.Conditions.With(
                            new()
                            {
                                Type = ModuleConditions.Scheduled,
                                Status = Condition.False,
                                Reason = explain.Reason,
                                Message = explain.Message
                            }, world.Now),
                    },
                };
                break;
            case PlacementStep.Mark mark:
                world.Pods[mark.Pod.Name] = world.Pods[mark.Pod.Name] with
                {
                    IsMarked = mark.Cost is not null,
                    Refusal = mark.Cost is null ? null : "is about to be removed",
                };
                break;
            case PlacementStep.ScaleBase scale:
                var annotations = world.Base!.Metadata.Annotations.Where(pair => pair.Key != Annotations.AddedReplicas).ToDictionary();
                if (scale.Surge is not null) annotations[Annotations.AddedReplicas] = scale.Surge.ToString();
                world.Base = world.Base with
                {
                    Metadata = world.Base.Metadata with { Annotations = annotations },
                    Spec = world.Base.Spec with { Replicas = scale.Replicas }
                };
                break;
        }
    }

    public static void CarryOut(this SmallWorld world, string name, RolloutStep step)
    {
        world.Log.Add(step.GetType().Name);
        switch (step)
        {
            case RolloutStep.UpdateDeployment update:
                var before = world.Deployments[name];
                var after = Merge(before, update);
                if (after.Metadata.IsDeleting && after.Metadata.Finalizers.Count == 0) world.Deployments.Remove(name);
                else world.Deployments[name] = after;
                break;
            case RolloutStep.WriteStatus write:
                if (world.Deployments.TryGetValue(name, out var current)) world.Deployments[name] = current with { Status = write.Status };
                break;
            case RolloutStep.CreateReplicaSet create:
                world.ReplicaSets.Add(create.ReplicaSet.Metadata.Name, create.ReplicaSet with
                {
                    Metadata = create.ReplicaSet.Metadata with { Uid = world.NewUid(), ResourceVersion = "1" },
                });
                break;
            case RolloutStep.UpdateReplicaSet update:
                var set = world.ReplicaSets[update.Before.Metadata.Name];
                // As a merge patch: only what differs.
                world.ReplicaSets[set.Metadata.Name] = set with
                {
                    Metadata = set.Metadata with
                    {
                        Labels = update.After.Metadata.Labels,
                        OwnerReferences = update.After.Metadata.OwnerReferences,
                        Finalizers = update.After.Metadata.Finalizers,
                        Annotations = set.Metadata.Annotations.Concat(update.After.Metadata.Annotations)
                            .GroupBy(pair => pair.Key).ToDictionary(group => group.Key, group => group.Last().Value),
                    },
                    Spec = update.After.Spec with { Replicas = set.Spec.Replicas },
                };
                break;
            case RolloutStep.ScaleReplicaSet scale:
                world.ReplicaSets[scale.ReplicaSet.Metadata.Name] = world.ReplicaSets[scale.ReplicaSet.Metadata.Name] with
                {
                    Spec = world.ReplicaSets[scale.ReplicaSet.Metadata.Name].Spec with { Replicas = scale.Replicas },
                };
                break;
            case RolloutStep.Inspect inspect:
                world.Answer(inspect);
                break;
            case RolloutStep.DeleteReplicaSet delete:
                world.ReplicaSets.Remove(delete.ReplicaSet.Metadata.Name);
                break;
        }
    }

    public static string Text(PlacementStep step) => step switch
    {
        PlacementStep.Create create => $"create {create.Name} on {create.Pod?.Name ?? "-"} for {create.Replaces?.Metadata.Name ?? "-"}",
        PlacementStep.Bind bind => $"bind {bind.Module.Metadata.Name} to {bind.Pod.Name} for {bind.Replaces?.Metadata.Name ?? "-"}",
        PlacementStep.Delete delete => $"delete {delete.Module.Metadata.Name}: {delete.Why}",
        PlacementStep.Explain explain => $"explain {explain.Module.Metadata.Name}: {explain.Reason}: {explain.Message}",
        PlacementStep.Release release => $"release {release.Module.Metadata.Name}",
        PlacementStep.Mark mark => $"mark {mark.Pod.Name}: {mark.Cost}",
        PlacementStep.ScaleBase scale => $"scale base to {scale.Replicas} ({scale.Surge})",
        _ => step.ToString(),
    };

    // As a merge patch: only what differs.
    private static ModuleDeployment Merge(ModuleDeployment current, RolloutStep.UpdateDeployment update)
    {
        var ((oldMeta, oldSpec), (meta, spec)) = ((update.Before.Metadata, update.Before.Spec), (update.After.Metadata, update.After.Spec));
        var annotations = current.Metadata.Annotations.ToDictionary();
        foreach (var key in oldMeta.Annotations.Keys.Where(key => !meta.Annotations.ContainsKey(key))) annotations.Remove(key);
        foreach (var (key, value) in meta.Annotations.Where(pair => oldMeta.Annotations.GetValueOrDefault(pair.Key) != pair.Value))
            annotations[key] = value;
        T Pick<T>(T before, T after, T now) => EqualityComparer<T>.Default.Equals(before, after) ? now : after;
        return current with
        {
            Metadata = current.Metadata with
            {
                Annotations = annotations,
                Finalizers = Pick(oldMeta.Finalizers, meta.Finalizers, current.Metadata.Finalizers),
                OwnerReferences = Pick(oldMeta.OwnerReferences, meta.OwnerReferences, current.Metadata.OwnerReferences),
            },
            Spec = current.Spec with
            {
                Replicas = Pick(oldSpec.Replicas, spec.Replicas, current.Spec.Replicas),
                ScaleReplicas = Pick(oldSpec.ScaleReplicas, spec.ScaleReplicas, current.Spec.ScaleReplicas),
                ConfirmBatchNum = Pick(oldSpec.ConfirmBatchNum, spec.ConfirmBatchNum, current.Spec.ConfirmBatchNum),
                Paused = Pick(oldSpec.Paused, spec.Paused, current.Spec.Paused),
                Template = Pick(oldSpec.Template, spec.Template, current.Spec.Template),
            },
        };
    }

    /// <summary><c>kubectl delete mdrs --cascade=orphan</c>, when it is through.</summary>
    public static void Orphan(this SmallWorld world, string replicaSet)
    {
        var uid = world.ReplicaSets[replicaSet].Metadata.Uid;
        world.ReplicaSets.Remove(replicaSet);
        foreach (var (name, module) in world.Modules.Where(item => item.Value.Metadata.Controller?.Uid == uid).ToList())
            world.Modules[name] = module with { Metadata = module.Metadata with { OwnerReferences = [] } };
    }
}
