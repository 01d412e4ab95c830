using CsCheck;
using ModuleController.Core.Modules;
using ModuleController.Core.Placement;

namespace ModuleController.Core.Tests.World;

/// <summary>Two revisions at once, each with its share: what is lost comes back in the revision that lacks it, and no pod is
/// moved from one to the other.</summary>
public class MidReleaseProperties
{
    private static readonly Gen<(int Op, int Which)[]> Troubles = Gen.Select(Gen.Int[0, 5], Gen.Int[0, 999]).Array[1, 40];

    [Fact]
    public void While_the_goals_stay_placement_moves_no_pod_and_fills_each_revision_up_to_its_goal() =>
        Gen.Select(Gen.Int[1, 3], Gen.Int[1, 3], Gen.Int[0, 2], Gen.Int[0, 2], Troubles).Sample((olds, news, spare, policy, troubles) =>
        {
            var world = new SmallWorld();
            for (var i = 0; i < olds + news + spare; i++) world.AddPod($"base-{i}");
            var (old, @new) = Halfway(world, olds, news, (UpgradePolicy)policy);
            foreach (var (op, which) in troubles)
            {
                Trouble(world, op, which);
                Place(world);
            }

            Repair(world);
            for (var i = 0; world.Pods.Count < olds + news; i++) world.AddPod($"late-{i}");
            for (var i = 0; i < 20; i++)
            {
                Place(world);
                foreach (var name in world.Modules.Keys.ToList()) world.StepModule(name);
            }

            Assert.Equal((olds, news), (Serving(world, old), Serving(world, @new)));
        }, iter: 400);

    [Fact]
    public void A_symmetric_one_neither_while_its_base_shrinks_and_grows() =>
        Gen.Select(Gen.Int[1, 3], Gen.Int[1, 3], Gen.Int[0, 1], Troubles).Sample((olds, news, policy, troubles) =>
        {
            var world = new SmallWorld();
            for (var i = 0; i < olds + news; i++) world.AddPod($"base-{i}");
            Halfway(world, olds, news, (UpgradePolicy)policy, replicas: -1);
            foreach (var (op, which) in troubles)
            {
                Trouble(world, op, which);
                Place(world);
            }
        }, iter: 400);

    // On a symmetric one the share follows the number of pods, and so may move one.
    [Fact]
    public void While_a_confirmation_is_missing_no_pod_is_moved_and_the_share_holds() =>
        Gen.Select(Gen.Int[2, 6], Gen.Int[0, 1], Troubles).Sample((pods, policy, troubles) =>
        {
            var world = new SmallWorld();
            for (var i = 0; i < pods + 1; i++) world.AddPod($"base-{i}");
            world.Deployments["shop"] = A.ModuleDeployment(replicas: pods).Policy((UpgradePolicy)policy)
                .Strategy(strategy => strategy with { BatchCount = 2, NeedConfirm = true, MaxUnavailable = new(1, false) });
            world.Settle();
            world.Deployments["shop"] = world.Deployments["shop"].With(spec => spec with { Template = A.Template("shop", "2.0.0") });
            world.Settle();
            var share = (pods + 1) / 2;
            Assert.Equal(share, world.Modules.Values.Count(module => module is { IsAvailable: true, Spec.Module.Version: "2.0.0" }));
            foreach (var (op, which) in troubles)
            {
                Trouble(world, op, which);
                world.StepRollout("shop");
                Place(world);
            }

            Repair(world);
            world.Log.Clear();
            world.Settle();
            Assert.DoesNotContain(world.Log, step => Moves(step) && !step.EndsWith("stays", StringComparison.Ordinal));
            if (world.Pods.Count >= pods)
                Assert.Equal(share, world.Modules.Values.Count(module => module is { IsAvailable: true, Spec.Module.Version: "2.0.0" }));
        }, iter: 300);

    /// <summary>So many of each revision, all available, and goals that say so.</summary>
    private static (ModuleReplicaSet Old, ModuleReplicaSet New) Halfway(SmallWorld world, int olds, int news, UpgradePolicy policy,
        int? replicas = null)
    {
        var before = A.ModuleDeployment(replicas: replicas ?? (olds + news)).InForce(policy);
        var after = before.With(spec => spec with { Template = A.Template("shop", "2.0.0") });
        world.Deployments["shop"] = after;
        var (old, @new) = (A.ReplicaSet(before, olds), A.ReplicaSet(after, news, revision: 2));
        (world.ReplicaSets[old.Metadata.Name], world.ReplicaSets[@new.Metadata.Name]) = (old, @new);
        for (var i = 0; i < olds + news; i++)
        {
            var set = i < olds ? old : @new;
            var module = A.Module(set, i, $"base-{i}");
            world.Modules[module.Metadata.Name] = module with
            {
                Metadata = module.Metadata with
                {
                    OwnerReferences = [
                        new("koupleless.io/v1alpha1", "ModuleReplicaSet", set.Metadata.Name, set.Metadata.Uid!, Controller: true)],
                },
                Spec = module.Spec with { PodUid = world.Pods[$"base-{i}"].Uid },
            };
        }

        return (old, @new);
    }

    private static void Trouble(SmallWorld world, int op, int which)
    {
        switch (op)
        {
            case 0 when world.Pods.Count > 1: world.Pods.Remove(world.Pods.Keys.ElementAt(which % world.Pods.Count)); break;
            case 1 when world.Pods.Count < 8: world.AddPod($"more-{which}"); break;
            case 2 when world.Modules.Count > 0:
                var name = world.Modules.Keys.ElementAt(which % world.Modules.Count);
                world.Modules[name] = world.Modules[name].Deleting();
                break;
            case 3 or 4 when world.Modules.Count > 0: world.StepModule(world.Modules.Keys.ElementAt(which % world.Modules.Count)); break;
            case 5:
                var key = world.Pods.Keys.ElementAt(which % world.Pods.Count);
                world.Pods[key] = world.Pods[key] with
                {
                    Refusal = world.Pods[key].Refusal is null
                    ? "is not Ready" : null,
                    IsStarting = true
                };
                break;
        }
    }

    private static void Repair(SmallWorld world)
    {
        foreach (var key in world.Pods.Keys.ToList()) world.Pods[key] = world.Pods[key] with { Refusal = null };
    }

    private static void Place(SmallWorld world)
    {
        var steps = PlacementPlanner.Plan(world.Placement(), world.Now).Steps;
        foreach (var step in steps)
        {
            var text = WorldWrites.Text(step);
            Assert.False(Moves(text), $"{text}\n{string.Join("\n", world.Log.TakeLast(15))}");
            world.CarryOut(step);
        }
    }

    // A Module that takes another's place, or goes for one that does.
    private static bool Moves(string step) =>
        (step.StartsWith("create", StringComparison.Ordinal) || step.StartsWith("bind", StringComparison.Ordinal)
            ? !step.EndsWith("for -", StringComparison.Ordinal)
            : step.Contains("replaced by", StringComparison.Ordinal));

    private static int Serving(SmallWorld world, ModuleReplicaSet set) =>
        world.ModulesOf(set.Metadata.Uid!)
            .Count(module => module.IsAvailable && world.Pods.Values.Any(pod => pod.Uid == module.Spec.PodUid));
}
