namespace ModuleController.Core.Tests.BasePod;

/// <summary>A base pod with the readiness gate.</summary>
internal static class GatedPod
{
    public static readonly TimeSpan GateTimeout = TimeSpan.FromMinutes(10);

    public static World With(params string[] required) =>
        new() { Gate = new([.. required.Select(name => World.Required(name))], GateTimeout) };

    public static (string Status, string? Reason, string Message) GateCondition(World world) =>
        (world.GateCondition!.Status, world.GateCondition.Reason, world.GateCondition.Message!);
}
