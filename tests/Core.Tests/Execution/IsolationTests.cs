using ModuleController.Core.Modules;
using ModuleController.Core.Placement;
using ModuleController.Core.Rollouts;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Execution;

/// <summary>What the API server rejects for one ModuleDeployment changes nothing for another, nor for the rest of its own.</summary>
public class IsolationTests
{
    private readonly SmallWorld _world = new();

    public IsolationTests()
    {
        for (var i = 0; i < 3; i++) _world.AddPod($"base-{i}");
        foreach (var name in (string[])["broken", "shop"])
        {
            var deployment = A.ModuleDeployment(name, 3);
            _world.Deployments[name] = deployment with { Metadata = deployment.Metadata with { Uid = _world.NewUid() } };
        }
    }

    public static TheoryData<string, Func<object, bool>> Rejections => new()
    {
        { "creations", step => step is PlacementStep.Create { Deployment.Metadata.Name: "broken" } },
        { "one creation", step => step is PlacementStep.Create { Deployment.Metadata.Name: "broken", Name: var name }
            && name.EndsWith('1') },
        { "deletions", step => step is PlacementStep.Delete { Module.Spec.Module.Name: "broken" } },
        { "binds", step => step is PlacementStep.Bind { Module.Spec.Module.Name: "broken" } },
        { "explanations", step => step is PlacementStep.Explain { Module.Spec.Module.Name: "broken" } },
        { "releases", step => step is PlacementStep.Release { Module.Spec.Module.Name: "broken" } },
        { "replica sets", step => step is RolloutStep.CreateReplicaSet { ReplicaSet.Spec.Template.Spec.Module.Name: "broken" } },
        { "goals", step => step is RolloutStep.ScaleReplicaSet { ReplicaSet.Spec.Template.Spec.Module.Name: "broken" } },
        { "statuses", step => step is RolloutStep.WriteStatus { Deployment.Metadata.Name: "broken" } },
        { "its own spec", step => step is RolloutStep.UpdateDeployment { Before.Metadata.Name: "broken" } },
    };

    [Theory, MemberData(nameof(Rejections))]
    public void The_other_module_deployment_is_released_scaled_and_upgraded(string what, Func<object, bool> rejects)
    {
        Assert.NotEmpty(what);
        _world.Rejects = rejects;
        Rounds();
        Assert.Equal(3, Available("shop", "1.0.0"));

        Change("shop", spec => spec with { Template = A.Template("shop", "2.0.0") });
        Change("broken", spec => spec with { Template = A.Template("broken", "2.0.0"), Replicas = 2 });
        Rounds();
        Assert.Equal((0, 3), (Available("shop", "1.0.0"), Available("shop", "2.0.0")));

        Change("shop", spec => spec with { Replicas = 1, ScaleReplicas = 1 });
        Rounds();
        Assert.Equal(1, Available("shop", "2.0.0"));
    }

    [Fact]
    public void A_service_that_is_rejected_stops_neither_the_release_nor_its_status()
    {
        Change("broken", spec => spec with
        {
            OperationStrategy = spec.OperationStrategy with { ServiceStrategy = new() { EnableModuleService = true, Port = 8080 } },
        });
        var (asked, status) = (0, _world.Deployments["broken"].Status);
        _world.Rejects = step => step is RolloutStep.CreateService && asked++ >= 0;
        Rounds();
        Assert.NotEqual(0, asked);
        Assert.Equal(3, Available("broken", "1.0.0"));
        status = _world.Deployments["broken"].Status;
        Assert.Equal((_world.Deployments["broken"].Metadata.Generation, ReleaseProgress.Completed),
            (status.ObservedGeneration, status.ReleaseStatus!.Progress));
    }

    [Fact]
    public void What_is_replaced_stays_until_its_successor_exists()
    {
        Rounds();
        _world.Rejects = step => step is PlacementStep.Create { Deployment.Metadata.Name: "broken" };
        Change("broken", spec => spec with { Template = A.Template("broken", "2.0.0") });
        Rounds();
        Assert.Equal(3, Available("broken", "1.0.0"));
        _world.Rejects = _ => false;
        Rounds();
        Assert.Equal((0, 3), (Available("broken", "1.0.0"), Available("broken", "2.0.0")));
    }

    [Fact]
    public void A_module_whose_pod_exists_after_all_is_neither_removed_nor_replaced()
    {
        Rounds();
        var (pod, modules) = (_world.Pods["base-0"], _world.Modules.Keys.ToList());
        _world.Rejects = step => step is PlacementStep.ConfirmPodGone;
        _world.Pods.Remove("base-0");
        Rounds();
        Assert.Equal(modules, _world.Modules.Keys);
        Assert.All(_world.Modules.Values, module => Assert.False(module.Metadata.IsDeleting));
        _world.Pods["base-0"] = pod;
        _world.Rejects = _ => false;
        Rounds();
        Assert.Equal(3, Available("shop", "1.0.0"));
        Assert.Equal(modules, _world.Modules.Keys);
    }

    private int Available(string module, string version) => _world.Modules.Values.Count(item =>
        item is { IsAvailable: true, Metadata.IsDeleting: false } && item.Spec.Module.Name == module
            && item.Spec.Module.Version == version);

    private void Change(string name, Func<ModuleDeploymentSpec, ModuleDeploymentSpec> change)
    {
        var deployment = _world.Deployments[name].With(change);
        _world.Deployments[name] = deployment with
        {
            Metadata = deployment.Metadata with { Generation = deployment.Metadata.Generation + 1 }
        };
    }

    private void Rounds()
    {
        for (var round = 0; round < 60; round++)
        {
            foreach (var name in _world.Deployments.Keys.ToList()) _world.StepRollout(name);
            _world.StepPlacement();
            foreach (var name in _world.Modules.Keys.ToList()) _world.StepModule(name);
            _world.Now = _world.Now.AddSeconds(1);
        }
    }
}
