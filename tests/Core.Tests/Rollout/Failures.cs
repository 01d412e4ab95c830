using System.Globalization;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Rollout;

/// <summary>Modules that fail for good, and JVMs that end.</summary>
internal static class Failures
{
    public static void Fail(Story story, Module module, FailureReason reason)
    {
        var failed = module.Failed(reason);
        story.World.Modules[module.Metadata.Name] = failed with
        {
            Status = failed.Status with { LastError = failed.Status.LastError! with { Time = story.World.Now } }
        };
        story.World.Stuck.Add(module.Metadata.Name);
    }

    public static void EndJvm(Story story, int exits, string version = "2.0.0") => EndJvm(story, story.Of(version).First(), exits);

    public static void EndJvm(Story story, Module module, int exits) =>
        EndJvm(story, module, exits.ToString(CultureInfo.InvariantCulture));

    public static void EndJvm(Story story, Module module, string code)
    {
        Fail(story, module, FailureReason.BaseDied);
        var failed = story.World.Modules[module.Metadata.Name];
        story.World.Modules[module.Metadata.Name] = failed with
        {
            Status = failed.Status with { LastError = failed.Status.LastError! with { Code = code } },
        };
    }
}
