using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Execution;

/// <summary>One step of a plan and the unit that it belongs to. A unit fails on its own.</summary>
/// <param name="Unit">Unique within the plan, such as <c>service</c> or <c>module/shop-1</c>.</param>
/// <param name="Step">One call of the API.</param>
public sealed record PlannedStep<TStep>(string Unit, TStep Step)
{
    /// <summary>The units that have to succeed before this step.</summary>
    public IReadOnlyList<string> Requires { get; init; } = [];

    /// <summary>The ModuleDeployments that need the step.</summary>
    public IReadOnlyList<ObjectKey> For { get; init; } = [];

    /// <summary>Distinguishes the steps of a unit; those that were rejected before come after those that were not.</summary>
    public string Name { get; init; } = "";

    /// <summary>What users can change about the step. A rejected unit whose content has changed does not wait for its backoff.</summary>
    public string Content { get; init; } = "";
}

/// <summary>The units and contents that several plans share.</summary>
internal static class PlanUnits
{
    public static string Of(Module module) => $"module/{module.Metadata.Name}";

    /// <summary>Its spec, and the labels that its ReplicaSets and Modules inherit.</summary>
    public static string ContentOf(ModuleDeployment deployment) => $"{deployment.Metadata.Uid}/{deployment.Metadata.Generation}/"
        + string.Join(',', deployment.Metadata.Labels.OrderBy(label => label.Key, StringComparer.Ordinal)
            .Select(label => $"{label.Key}={label.Value}"));

    public static string ContentOf(Module module) => $"{module.Metadata.Uid}/{module.Metadata.Generation}/{module.Metadata.IsDeleting}";
}
