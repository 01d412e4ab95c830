using System.Text.Json.Nodes;
using ModuleController.Core.Admission;

namespace ModuleController.ControlPlane.Admission;

/// <summary>The answer of a handler: allowed, perhaps with changes, or denied; and what the user should know in both cases.</summary>
public sealed record AdmissionDecision
{
    private AdmissionDecision()
    {
    }

    /// <summary>Null: allowed.</summary>
    public AdmissionDenial? Denial { get; private init; }

    /// <summary>Changes of the object (RFC 6902); null or empty: none.</summary>
    public JsonArray? Patch { get; private init; }

    /// <summary>What <c>kubectl</c> prints. The API server shortens a warning above 256 characters if all have more than 4096.</summary>
    public IReadOnlyList<string> Warnings { get; private init; } = [];

    public static AdmissionDecision Allow(params IEnumerable<string> warnings) => new() { Warnings = [.. warnings] };

    public static AdmissionDecision Change(JsonArray patch, params IEnumerable<string> warnings) =>
        new() { Patch = patch, Warnings = [.. warnings] };

    public static AdmissionDecision Deny(AdmissionDenial denial, params IEnumerable<string> warnings) =>
        new() { Denial = denial, Warnings = [.. warnings] };
}

/// <summary>Why a request is denied, as the user's client receives it.</summary>
/// <param name="Code">The HTTP status, such as 403 or 422.</param>
/// <param name="Reason">Kubernetes' word for it, such as <c>Forbidden</c> or <c>Invalid</c>.</param>
public sealed record AdmissionDenial(int Code, string Reason, string Message)
{
    /// <summary>What clients print field by field; null: the message alone.</summary>
    public AdmissionDetails? Details { get; init; }

    /// <summary>As the API server denies an object that breaks its schema.</summary>
    public static AdmissionDenial Invalid(AdmissionRequest request, IReadOnlyList<FieldViolation> violations)
    {
        ArgumentNullException.ThrowIfNull(request);
        var (group, kind, name) = (request.ApiVersion.Split('/')[0], request.Kind, request.Name);
        var causes = string.Join(", ", violations);
        return new(422, "Invalid", $"{kind}.{group} \"{name}\" is invalid: {(violations.Count == 1 ? causes : $"[{causes}]")}")
        {
            Details = new(name, group, kind, violations),
        };
    }
}

/// <summary>The details of a Status.</summary>
public sealed record AdmissionDetails(string Name, string Group, string Kind, IReadOnlyList<FieldViolation> Causes);
