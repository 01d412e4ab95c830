using ModuleController.Core.Builtin;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Rollouts;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Rollout;

public class ServiceTests
{
    private static readonly ModuleDeployment Shop = A.ModuleDeployment().Strategy(strategy => strategy with
    {
        ServiceStrategy = new() { EnableModuleService = true, Port = 8080, TargetPort = new(9090) },
    });

    [Fact]
    public void Enabled_it_is_made_to_lead_to_the_pods_that_serve()
    {
        var service = Made(Shop);
        Assert.Equal(("shop-service", "NodePort"), (service.Metadata.Name, service.Spec.Type));
        Assert.Equal("true", service.Spec.Selector["module.koupleless.io/shop"]);
        Assert.Equal(("8080", "9090"), ($"{service.Spec.Ports.Single().Port}", $"{service.Spec.Ports.Single().TargetPort}"));
        Assert.Equal("uid-shop", service.Metadata.Controller!.Uid);
        Assert.Null(GeneratedService.Plan(Shop, service));
    }

    [Fact]
    public void Without_a_target_port_it_is_the_port() =>
        Assert.Equal("8080", $"{Made(Shop.Strategy(strategy => strategy with
        {
            ServiceStrategy = strategy.ServiceStrategy! with { TargetPort = new(0) },
        })).Spec.Ports.Single().TargetPort}");

    [Fact]
    public void Changed_it_is_patched_and_keeps_its_node_port()
    {
        var service = Made(Shop);
        service = service with { Spec = service.Spec with { Ports = [service.Spec.Ports[0] with { NodePort = 30_001 }] } };
        Assert.Null(GeneratedService.Plan(Shop, service));
        var changed = Shop.Strategy(strategy => strategy with { ServiceStrategy = strategy.ServiceStrategy! with { Port = 81 } });
        var update = Assert.IsType<RolloutStep.UpdateService>(GeneratedService.Plan(changed, service));
        Assert.Equal((81, 30_001), (update.After.Spec.Ports.Single().Port, update.After.Spec.Ports.Single().NodePort));
    }

    [Fact]
    public void Disabled_ours_goes_and_anothers_stays()
    {
        Assert.IsType<RolloutStep.DeleteService>(GeneratedService.Plan(A.ModuleDeployment(), Made(Shop)));
        Assert.Null(GeneratedService.Plan(A.ModuleDeployment(), new Service { Metadata = new() { Name = "shop-service" } }));
    }

    [Fact]
    public void One_that_v1_made_is_taken_over_in_place()
    {
        var old = new Service
        {
            Metadata = new() { Name = "shop-service", Uid = "u" },
            Spec = new() { Selector = new Dictionary<string, string> { ["module.koupleless.io/shop"] = "true" } },
        };
        Assert.False(GeneratedService.IsConflicting(Shop, old));
        var update = Assert.IsType<RolloutStep.UpdateService>(GeneratedService.Plan(Shop, old));
        Assert.Equal("uid-shop", update.After.Metadata.Controller!.Uid);
    }

    [Fact]
    public void One_of_another_owner_is_left_alone_and_reported()
    {
        var foreign = new Service
        {
            Metadata = new() { Name = "shop-service", OwnerReferences = [new("v1", "Thing", "x", "other", true)] }
        };
        Assert.True(GeneratedService.IsConflicting(Shop, foreign));
        Assert.Null(GeneratedService.Plan(Shop, foreign));
        var plan = RolloutPlanner.Plan(new() { Deployment = Shop, Service = foreign }, A.Time);
        Assert.Contains(plan.Events, planned => planned.Reason == Reasons.ModuleNameConflict && planned.IsWarning);
    }

    private static Service Made(ModuleDeployment deployment) =>
        Assert.IsType<RolloutStep.CreateService>(GeneratedService.Plan(deployment, null)).Service;
}
