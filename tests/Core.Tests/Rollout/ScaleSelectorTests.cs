using ModuleController.Core.Modules.Names;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Rollout;

/// <summary>Which pods an autoscaler finds under the scale of a ModuleDeployment.</summary>
public class ScaleSelectorTests
{
    [Theory]
    [InlineData(null, "koupleless.io/module-deployment=shop", false)]
    [InlineData("base-pods", "module.koupleless.io/shop=true", false)]
    [InlineData("pods", "koupleless.io/module-deployment=shop", true)]
    [InlineData("", "koupleless.io/module-deployment=shop", true)]
    public void The_annotation_selects_the_base_pods_and_nothing_else_does(string? annotation, string selector, bool isWarned)
    {
        var story = Story.Released(2);
        if (annotation is not null)
            story.World.Deployments[Story.Name] = story.Deployment with
            {
                Metadata = story.Deployment.Metadata with
                {
                    Annotations = new Dictionary<string,
                    string>
                    { [Annotations.ScaleSelector] = annotation }
                },
            };
        var plan = story.Plan();
        Assert.Equal(selector, plan.Status!.Selector);
        Assert.Empty(plan.Steps.Concat(plan.StepsAfterStatus));
        var warnings = plan.Events.Where(planned => planned is { Reason: Reasons.UnknownScaleSelector, IsWarning: true })
            .Select(planned => planned.Message);
        Assert.Equal(isWarned
            ? [$"annotation koupleless.io/scale-selector is '{annotation}', which is not base-pods; the default {selector} is used"]
            : [], warnings);
    }
}
