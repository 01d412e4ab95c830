using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using ModuleController.Core.Admission;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Rules;

namespace ModuleController.ControlPlane.Admission;

/// <summary>Denies a write of our kinds that breaks rules in the fields that it changes, and names them all.</summary>
/// <remarks>The controller and the agents enforce the same rules when this webhook was not called.</remarks>
internal sealed class ObjectValidation(NeighborLookup neighbors) : IAdmissionHandler
{
    public string Name => "objects";

    // Rules need no cache. A warning that does is left out until then.
    public bool ReadsCaches => false;

    public async ValueTask<AdmissionDecision> DecideAsync(AdmissionRequest request, CancellationToken cancellation)
    {
        if (request is not
            {
                Operation: AdmissionOperation.Create or AdmissionOperation.Update, ApiVersion: $"{Group.Name}/{Group.Version}",
                SubResource: "", Object: not null,
            })
            throw new FormatException($"{request.Operation} of {request.Kind} is not the write of a ModuleDeployment or its parts");
        return request.Kind switch
        {
            "ModuleDeployment" => await DecideAsync(
                request, ModulesJson.Default.ModuleDeployment, ModuleRules.Check, (item, old) => WarningsAsync(item, old, cancellation)),
            "ModuleReplicaSet" => await DecideAsync(request, ModulesJson.Default.ModuleReplicaSet, ModuleRules.Check),
            "Module" => await DecideAsync(request, ModulesJson.Default.Module, ModuleRules.Check),
            "ModuleTemplate" => await DecideAsync(request, ModulesJson.Default.ModuleTemplate, ModuleRules.Check),
            _ => throw new FormatException($"there is no {request.Kind} in {request.ApiVersion}"),
        };
    }

    private static async ValueTask<AdmissionDecision> DecideAsync<T>(
        AdmissionRequest request, JsonTypeInfo<T> type, Func<T, IReadOnlyList<RuleBreach>> check,
        Func<T, T?, ValueTask<IEnumerable<string>>>? warn = null)
        where T : class, IResource
    {
        var (written, problem) = Read(request.Object, type);
        var (stored, earlier) = Read(request.OldObject, type);
        // The controller can't read it. What was stored like this can be corrected in one field after the other.
        if (problem == earlier && problem is not null) return AdmissionDecision.Allow();
        if (problem is not null) return Deny(request, [problem]);
        if (earlier is not null) return AdmissionDecision.Allow();
        List<RuleBreach> breaches = [.. ChangedFields.Breaches(check(written!), stored is null ? [] : check(stored))];
        if (breaches.Count > 0) return Deny(request, breaches);
        return warn is null ? AdmissionDecision.Allow() : AdmissionDecision.Allow(await warn(written!, stored));
    }

    private static AdmissionDecision Deny(AdmissionRequest request, IEnumerable<RuleBreach> breaches) =>
        AdmissionDecision.Deny(AdmissionDenial.Invalid(request, [.. breaches.Select(FieldViolation.Of)]));

    private async ValueTask<IEnumerable<string>> WarningsAsync(
        ModuleDeployment deployment, ModuleDeployment? old, CancellationToken cancellation)
    {
        var warnings = DeploymentWarnings.Of(deployment, old);
        return old is null
            ? warnings.Concat(DeploymentWarnings.OfNew(
                deployment, await neighbors.HasBaseAsync(deployment, cancellation), neighbors.OfBase(deployment)))
            : warnings;
    }

    private static (T? Item, RuleBreach? Problem) Read<T>(JsonObject? item, JsonTypeInfo<T> type)
        where T : class, IResource
    {
        try
        {
            return (item?.Deserialize(type), null);
        }
        catch (JsonException exception)
        {
            return (null, new((exception.Path ?? "").TrimStart('$', '.'), "has a type that the controller can't read") { Value = "" });
        }
    }
}
