using CsCheck;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Placement;

namespace ModuleController.Core.Tests.World;

/// <summary>What must hold after every step, whatever happens: see house rules for planners.</summary>
public class WorldProperties
{
    private static readonly string[] Names = ["orders", "stock"];

    private static readonly Gen<(int Op, int Which)[]> Stories = Gen.Select(Gen.Int[0, 15], Gen.Int[0, 999]).Array[5, 60];

    [Fact]
    public void Plans_move_toward_the_goals_and_never_take_away_too_much() =>
        Stories.Sample(story =>
        {
            var world = Start();
            foreach (var (op, which) in story)
            {
                Do(world, op, which);
                CheckSlots(world);
            }
        }, iter: 400);

    [Fact]
    public void Whatever_happened_the_world_settles_at_what_is_wanted() =>
        Stories.Sample(story =>
        {
            var world = Start();
            foreach (var (op, which) in story) Do(world, op, which);
            Repair(world);
            world.Settle();
            foreach (var deployment in world.Deployments.Values) CheckSettled(world, deployment);
            Assert.Empty(PlacementPlanner.Plan(world.Placement(), world.Now).Steps);
        }, iter: 400);

    [Fact]
    public void Equal_input_in_any_order_gives_the_same_plan() =>
        Gen.Select(Stories, Gen.Int[1, 10_000]).Sample((story, seed) =>
        {
            var world = Start();
            foreach (var (op, which) in story) Do(world, op, which);
            var plan = PlacementPlanner.Plan(world.Placement(), world.Now).Steps.Select(WorldWrites.Text);
            var again = PlacementPlanner.Plan(world.Placement(), world.Now).Steps.Select(WorldWrites.Text);
            var mixed = PlacementPlanner.Plan(world.Placement(index => (index + 1) * seed % 10_007),
                world.Now).Steps.Select(WorldWrites.Text);
            Assert.Equal(plan, again);
            Assert.Equal(plan, mixed);
        }, iter: 400);

    [Fact]
    public void Scatter_keeps_the_pods_within_one_module_of_each_other() =>
        Gen.Select(Gen.Int[1, 8], Gen.Int[0, 8].Array[1, 6]).Sample((pods, replicas) =>
        {
            var world = new SmallWorld();
            for (var i = 0; i < pods; i++) world.AddPod($"base-{i}");
            for (var i = 0; i < replicas.Length; i++) Add(world, $"m{i}", Math.Min(replicas[i], pods));
            world.Settle();
            var counts = world.Pods.Values.Select(pod => world.Modules.Values.Count(module => module.Spec.PodUid == pod.Uid)).ToList();
            Assert.InRange(counts.Max() - counts.Min(), 0, 1);
        }, iter: 300);

    private static SmallWorld Start()
    {
        var world = new SmallWorld();
        for (var i = 0; i < 4; i++) world.AddPod($"base-{i}");
        foreach (var name in Names) Add(world, name, 3);
        return world;
    }

    private static void Add(SmallWorld world, string name, int replicas)
    {
        var deployment = A.ModuleDeployment(name, replicas).Policy(UpgradePolicy.UninstallThenInstall);
        world.Deployments[name] = deployment with { Metadata = deployment.Metadata with { Uid = world.NewUid() } };
    }

    private static void Do(SmallWorld world, int op, int which)
    {
        var name = Names[which % Names.Length];
        world.Now = world.Now.AddSeconds(1);
        switch (op)
        {
            case 0 or 1: world.StepRollout(name); break;
            case 2 or 3 or 4: Place(world); break;
            case 5 or 6 or 7 or 8:
                if (world.Modules.Count > 0) world.StepModule(world.Modules.Keys.ElementAt(which % world.Modules.Count));
                break;
            case 9: Change(world, name, spec => spec with { Replicas = which % 6 - 1 }); break;
            case 10: Change(world, name, spec => spec with { Template = A.Template(name, $"{1 + which % 3}.0.0") }); break;
            case 11: world.AddPod($"base-{4 + which % 3}"); break;
            case 12:
                if (world.Pods.Count > 1) world.Pods.Remove(world.Pods.Keys.ElementAt(which % world.Pods.Count));
                break;
            case 13:
                var key = world.Pods.Keys.ElementAt(which % world.Pods.Count);
                world.Pods[key] = world.Pods[key] with
                {
                    Refusal = which % 2 == 0
                    ? "is not Ready" : null,
                    MaxModules = which % 3 == 0 ? 1 : null
                };
                break;
            case 14:
                var policy = (UpgradePolicy)(which % 3);
                world.Deployments[name] = world.Deployments[name].Policy(policy);
                break;
            case 15: Break(world, which); break;
        }
    }

    private static void Break(SmallWorld world, int which)
    {
        if (world.Modules.Count == 0) return;
        var name = world.Modules.Keys.ElementAt(which % world.Modules.Count);
        var module = world.Modules[name];
        if (which % 3 == 0) world.Modules[name] = module.Deleting();
        else if (module.IsBound) world.Modules[name] = module.Failed(FailureReason.BizStartFailed);
    }

    private static void Change(SmallWorld world, string name, Func<ModuleDeploymentSpec, ModuleDeploymentSpec> change) =>
        world.Deployments[name] = world.Deployments[name].With(change);

    private static void Repair(SmallWorld world)
    {
        // Releases that need other pods get them.
        world.Base = new()
        {
            Metadata = new() { Name = "base", Annotations = new Dictionary<string, string> { [Annotations.AllowBaseScaling] = "true" } },
            Spec = new() { Replicas = world.Pods.Count },
        };
        // A single pod can't be upgraded without a gap: that has to be accepted.
        if (world.Pods.Count == 1)
            foreach (var name in Names)
                world.Deployments[name] = world.Deployments[name].Strategy(strategy => strategy with { MaxUnavailable = new(1, false) });
        foreach (var key in world.Pods.Keys.ToList()) world.Pods[key] = world.Pods[key] with { Refusal = null, MaxModules = null };
        foreach (var (name, module) in world.Modules.Where(item => item.Value.Status.Status == ModulePhase.Failed).ToList())
            world.Modules[name] = module with { Status = new() { Status = ModulePhase.Pending } };
    }

    private static void Place(SmallWorld world)
    {
        var before = Names.ToDictionary(name => name, name => Serving(world, name));
        var places = Names.ToDictionary(name => name, name => Places(world, name));
        // With the replaced ones: one that stays after all, because its replacement went, was there before.
        var live = world.ReplicaSets.Values.ToDictionary(
            set => set.Metadata.Name, set => world.ModulesOf(set.Metadata.Uid!).Count(module => !module.Metadata.IsDeleting));
        world.StepPlacement();
        foreach (var name in Names)
        {
            var deployment = world.Deployments[name];
            var desired = world.SetsOf(deployment).Sum(set => set.Goal);
            var least = Math.Min(desired, places[name]) - deployment.MaxUnavailable(desired);
            var after = Serving(world, name);
            Assert.True(after >= Math.Min(before[name], least), $"{name}: {before[name]} served, {after} do, {least} must\n{Tail(world)}");
            Assert.True(after > 0 || before[name] == 0 || desired == 0, $"{name}: nothing serves any more\n{Tail(world)}");
        }

        foreach (var set in world.ReplicaSets.Values)
            Assert.True(Live(world, set) <= Math.Max(live[set.Metadata.Name], set.Spec.Replicas),
                $"{set.Metadata.Name} is past its goal\n{Tail(world)}");
    }

    private static string Tail(SmallWorld world) => string.Join("\n", world.Log.TakeLast(15));

    // On pods that are still there: what was lost with a pod no plan can keep.
    private static int Serving(SmallWorld world, string name) => world.Modules.Values
        .Where(module => module.IsAvailable && module.Spec.Module.Name == name
            && world.Pods.Values.Any(pod => pod.Uid == module.Spec.PodUid))
        .Select(module => module.Spec.PodUid).Distinct().Count();

    // Pods that carry the module, or could: what has no place is missing for want of pods, not through an upgrade.
    private static int Places(SmallWorld world, string name) => world.Pods.Values.Count(pod =>
    {
        var here = world.Modules.Values.Where(module => module.Spec.PodUid == pod.Uid).ToList();
        return here.Exists(module => module.Spec.Module.Name == name && !module.Metadata.IsDeleting)
            || here.Exists(module => module.Spec.Module.Name == name)
            || !(pod.MaxModules <= here.Select(module => module.Spec.Module.Name).Distinct().Count());
    });

    private static int Live(SmallWorld world, ModuleReplicaSet set)
    {
        var replaced = world.Modules.Values.Where(module => !module.Metadata.IsDeleting).Select(module => module.Spec.Replaces).ToHashSet();
        return world.ModulesOf(set.Metadata.Uid!).Count(module => !module.Metadata.IsDeleting && !replaced.Contains(module.Metadata.Uid));
    }

    private static void CheckSlots(SmallWorld world)
    {
        foreach (var slot in world.Modules.Values.Where(module => module.IsBound && !module.Metadata.IsDeleting)
            .GroupBy(module => (module.Spec.PodUid, module.Spec.Module.Name)).Where(slot => slot.Count() > 1))
        {
            var uids = slot.Select(module => module.Metadata.Uid).ToHashSet();
            Assert.True(slot.Count() == 2 && slot.Any(module => uids.Contains(module.Spec.Replaces)),
                $"{string.Join(", ", slot.Select(module => module.Metadata.Name))} are on one pod\n{Tail(world)}");
        }
    }

    private static void CheckSettled(SmallWorld world, ModuleDeployment deployment)
    {
        var wanted = deployment.Spec.IsSymmetric ? world.Pods.Count : Math.Min(deployment.Spec.Replicas ?? 0, world.Pods.Count);
        var version = deployment.Spec.Template.Spec.Module.Version;
        var modules = world.Modules.Values.Where(module => module.Spec.Module.Name == deployment.Metadata.Name && module.IsBound).ToList();
        Assert.True(modules.Count == wanted && modules.TrueForAll(module => module.IsAvailable && module.Spec.Module.Version == version),
            $"{deployment.Metadata.Name} {version} wants {wanted}: "
            + $"{string.Join(", ", modules.Select(module => $"{module.Metadata.Name} {module.Spec.Module.Version} {module.Status.Status}"))}\n"
            + $"{string.Join(", ", world.SetsOf(deployment).Select(set => $"goal of {set.ReplicaSet.Metadata.Name}: {set.Goal}"))}\n"
            + $"replicas {deployment.Spec.Replicas}, "
                + $"{string.Join("; ", deployment.Status.Conditions.Select(condition => $"{condition.Type} {condition.Status} {condition.Reason} {condition.Message}"))}\n{Tail(world)}");
    }
}
