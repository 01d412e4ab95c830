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
internal sealed class ObjectValidation : IAdmissionHandler
{
    public string Name => "objects";

    public bool ReadsCaches => false;

    public ValueTask<AdmissionDecision> DecideAsync(AdmissionRequest request, CancellationToken cancellation) =>
        ValueTask.FromResult(Decide(request));

    private static AdmissionDecision Decide(AdmissionRequest request)
    {
        if (request is not
            {
                Operation: AdmissionOperation.Create or AdmissionOperation.Update, ApiVersion: $"{Group.Name}/{Group.Version}",
                SubResource: "", Object: not null,
            })
            throw new FormatException($"{request.Operation} of {request.Kind} is not the write of a ModuleDeployment or its parts");
        var violations = Violations(request).Select(FieldViolation.Of).ToList();
        return violations.Count > 0 ? AdmissionDecision.Deny(AdmissionDenial.Invalid(request, violations)) : AdmissionDecision.Allow();
    }

    private static IEnumerable<RuleBreach> Violations(AdmissionRequest request) => request.Kind switch
    {
        "ModuleDeployment" => Violations(request, ModulesJson.Default.ModuleDeployment, ModuleRules.Check),
        "ModuleReplicaSet" => Violations(request, ModulesJson.Default.ModuleReplicaSet, ModuleRules.Check),
        "Module" => Violations(request, ModulesJson.Default.Module, ModuleRules.Check),
        "ModuleTemplate" => Violations(request, ModulesJson.Default.ModuleTemplate, ModuleRules.Check),
        _ => throw new FormatException($"there is no {request.Kind} in {request.ApiVersion}"),
    };

    private static IEnumerable<RuleBreach> Violations<T>(
        AdmissionRequest request, JsonTypeInfo<T> type, Func<T, IReadOnlyList<RuleBreach>> check)
        where T : class, IResource
    {
        var (written, problem) = Read(request.Object, type);
        var (stored, earlier) = Read(request.OldObject, type);
        // The controller can't read it. What was stored like this can be corrected in one field after the other.
        if (problem is not null) return problem == earlier ? [] : [problem];
        return earlier is not null ? [] : ChangedFields.Breaches(check(written!), stored is null ? [] : check(stored));
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
