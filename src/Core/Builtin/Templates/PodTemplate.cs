using ModuleController.Core.Meta;

namespace ModuleController.Core.Builtin.Templates;

/// <summary>A pod template, as far as we read it.</summary>
public sealed record PodTemplate
{
    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();
}

/// <summary>A container of a pod or template, as far as we read it.</summary>
public sealed record PodContainer(string Name);
