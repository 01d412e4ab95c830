namespace ModuleController.Kube.Tests.Recordings;

/// <summary>
/// Where DevCluster answers differently from what was recorded. Each has its reason and, where a user could meet it, a line
/// in docs/devcluster.md. A difference that no longer exists fails the tests, too.
/// </summary>
/// <param name="Recording">The file.</param>
/// <param name="Steps">The step, or the begin of several steps' names with a * at the end.</param>
/// <param name="Path">The field in the answer, and all below it; empty: the whole answer.</param>
public sealed record KnownDifference(string Recording, string Steps, string Path, string Reason)
{
    private const string Module = "body.components.schemas.io.koupleless.v1alpha1.Module";

    public static IReadOnlyList<KnownDifference> All { get; } =
    [
        new("controller-writes", "series of an event that is gone", "", "The group events.k8s.io is not served."),
        new("custom-resources", "other version", "warnings", "DevCluster looks at fields after the version."),
        new("definitions", "CEL rule that does not compile", "",
            "A rule of a form that it does not know is 501, whether it is CEL or not."),
        new("definitions", "CEL transition rule in a list without keys", "body.message", "The cost of rules is not estimated."),
        new("definitions", "CEL transition rule in a list without keys", "body.details", "The cost of rules is not estimated."),
        new("definitions", "two storage versions", "", "A definition with several versions is 501."),
        new("definitions", "kind in use", "", "A definition whose names another one has is 422, not unestablished."),
        new("explain", "document", $"{Module}.properties.apiVersion", "Common fields have no description."),
        new("explain", "document", $"{Module}.properties.metadata", "ObjectMeta has another name, and no description."),
        new("explain", "document", "body.paths", "Of PATCH the parameters dryRun and fieldValidation are listed."),
        new("explain", "discovery: version", "body.resources", "Collections are not deleted."),
        new("field-rules", "old: another field changes", "warnings", "A rule that an unchanged value breaks gives no warning."),
        new("field-rules", "old: metadata changes", "warnings", "A rule that an unchanged value breaks gives no warning."),
        new("field-rules", "old: status changes", "warnings", "A rule that an unchanged value breaks gives no warning."),
        new("field-rules", "old: a broken value*", "warnings", "A rule that an unchanged value breaks gives no warning."),
        new("lists", "metadata only", "", "PartialObjectMetadata is not served."),
        new("lists", "not JSON", "body.message", "YAML and protobuf are not served."),
        new("tokens", "its pod was deleted", "body.status", "A token ends with its pod at once, not up to a minute later."),
        new("watches", "initial events*", "", "Initial events of a watch are 422."),
    ];

    /// <summary>Differences in the answers that the conformance tests get.</summary>
    public static IReadOnlyList<KnownDifference> Conformance { get; } =
    [
        new("ServingTests", "A_HorizontalPodAutoscaler*", "body", "An autoscaler is kept as it was made: no default metric, no status."),
        new("ServingTests", "An_answer_that_is_not_JSON*", "body", "Other forms are not served, so the message does not list them."),
        new("ServingTests", "Lists_gets_and_watches*", "body.columnDefinitions", "Tables of pods have fewer columns, and no descriptions."),
        new("ServingTests", "Lists_gets_and_watches*", "body.rows", "Tables of pods have fewer columns."),
        new("ServingTests", "Tables_of_pods*", "body.columnDefinitions", "Tables of pods have fewer columns, and no descriptions."),
        new("ServingTests", "Tables_of_pods*", "body.rows", "Tables of pods have fewer columns."),
        new("SubresourceTests", "A_pod_is_bound*", "body.status.conditions", "A binding sets no condition."),
        new("WritingTests", "Immutable_fields*", "body", "The message about a pod does not show the change."),
        new("WritingTests", "A_value_of_the_wrong_type_in_a_builtin*", "body.message", "The message names no type of Go."),
    ];

    /// <summary>Fields of built-ins that DevCluster does not fill in, because nobody reads them there.</summary>
    private static readonly HashSet<string> NotFilledIn =
    [
        "dnsPolicy", "enableServiceLinks", "lastState", "preemptionPolicy", "priority", "reportingComponent", "reportingInstance",
        "resources", "securityContext", "serviceAccount", "source",
        "terminationMessagePath", "terminationMessagePolicy", "tolerations", "qosClass",
    ];

    /// <summary>Whether any answer may differ in this way.</summary>
    public static bool IsEverywhere(Difference one) =>
        (one.Answered == "nothing" && NotFilledIn.Contains(one.Path[(one.Path.LastIndexOf('.') + 1)..]))
        || (one.Answered == "nothing" && one.Path.EndsWith("metadata.generation", StringComparison.Ordinal))   // of pods
        || (one.Recorded == "nothing" && (one.Path.EndsWith("].kind", StringComparison.Ordinal)   // of the items of lists
            || one.Path.EndsWith("].apiVersion", StringComparison.Ordinal)));

    /// <summary>Recordings of what DevCluster does not serve at all.</summary>
    public static IReadOnlyDictionary<string, string> NotServed { get; } = new Dictionary<string, string>
    {
        ["server-side-apply"] = "DevCluster refuses server-side apply with 415",
        ["too-many-requests"] = "DevCluster has no FlowSchemas; its 429 is a call on Faults, and is compared in FaultTests",
    };

    public bool Covers(string recording, string step, string path) => (Recording == recording || Recording == "*") && Covers(step, path);

    public bool Covers(string step, string path) =>
        Matches(Steps, step)
        && (Path.Length == 0 || path == Path || path.StartsWith($"{Path}.", StringComparison.Ordinal)
            || path.StartsWith($"{Path}[", StringComparison.Ordinal));

    private static bool Matches(string pattern, string name) => pattern.EndsWith('*')
        ? name.StartsWith(pattern[..^1], StringComparison.Ordinal) : name == pattern;
}
