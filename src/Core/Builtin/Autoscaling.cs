using ModuleController.Core.Meta;

namespace ModuleController.Core.Builtin;

/// <summary>An autoscaling/v2 HorizontalPodAutoscaler, as far as we read it: whose number of pods is its to decide.</summary>
public sealed record HorizontalPodAutoscaler : IResource
{
    public static ResourceKind Kind { get; } = new("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers");

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public HorizontalPodAutoscalerSpec Spec { get; init => field = value ?? new(); } = new();
}

public sealed record HorizontalPodAutoscalerSpec
{
    public ScaleTarget? ScaleTargetRef { get; init; }
}

/// <summary>The object that an autoscaler scales, in its own namespace.</summary>
public sealed record ScaleTarget(string? ApiVersion, string? Kind, string? Name);
