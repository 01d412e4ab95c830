using System.Text.Json;

namespace ModuleController.Core.Modules.Names;

/// <summary>The JSON of a part of a resource: what two of them are compared by, since records compare lists by reference.</summary>
public static class ResourceText
{
    public static string Of(ModuleReplicaSetSpec spec) => JsonSerializer.Serialize(spec, ModulesJson.Default.ModuleReplicaSetSpec);

    public static string Of(ModuleDeploymentStatus status) => JsonSerializer.Serialize(status, ModulesJson.Default.ModuleDeploymentStatus);

    public static string Of(ModuleReplicaSetStatus status) => JsonSerializer.Serialize(status, ModulesJson.Default.ModuleReplicaSetStatus);
}
