using System.Text;
using System.Text.Json.Nodes;
using ModuleController.ControlPlane.Injection;
using ModuleController.Core.Commands;
using ModuleController.Core.Injection;
using ModuleController.Core.Meta;
using ModuleController.Protocol;

namespace ModuleController.ControlPlane.Settings;

/// <summary>Reads the file of <c>--artifact-policy</c>: rules, each for some namespaces, or with <c>*</c> for all that no other rule
/// names.</summary>
/// <remarks>What is unknown or wrong is an error, and the controller does not start: a typing error must not allow everything.</remarks>
internal static class ArtifactPolicyFile
{
    private const string Others = "*";
    private const string Rules = "rules";
    private const string Namespaces = "namespaces";
    private const string Sources = "sources";
    private const string MaxSize = "maxSize";
    private const string RequireSha256 = "requireSha256";

    /// <exception cref="FormatException">What is wrong, with the path of the field.</exception>
    public static ArtifactPolicies Read(string path)
    {
        try
        {
            using var text = File.OpenText(SettingValues.ExistingFile(path));
            return ManifestReader.Read(text) is [var document] ? Parse(document) : throw new FormatException("must have one document");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new FormatException(exception.Message, exception);
        }
    }

    private static ArtifactPolicies Parse(JsonObject document)
    {
        CheckFields(document, "", Rules);
        Dictionary<string, ArtifactPolicy> policies = [];
        foreach (var (rule, path) in Items(document, Rules, Rules))
        {
            if (rule is not JsonObject fields) throw new FormatException($"{path}: must be an object");
            var policy = PolicyOf(fields, path);
            foreach (var (item, at) in Items(fields, Namespaces, $"{path}.{Namespaces}"))
            {
                var ns = TextOf(item, at);
                if (ns != Others) Within(at, () => SettingValues.Name(ns));
                if (!policies.TryAdd(ns, policy)) throw new FormatException($"{at}: another rule names {ns}, too");
            }
        }

        var others = policies.GetValueOrDefault(Others, ArtifactPolicy.None);
        policies.Remove(Others);
        return new() { Named = policies, Others = others };
    }

    private static ArtifactPolicy PolicyOf(JsonObject rule, string path)
    {
        CheckFields(rule, $"{path}.", Namespaces, Sources, MaxSize, RequireSha256);
        var sources = rule.ContainsKey(Sources) ? Items(rule, Sources, $"{path}.{Sources}").Select(SourceOf).ToList() : [];
        if (sources.Count > Limits.PolicySources)
            throw new FormatException($"{path}.{Sources}: must be at most {Limits.PolicySources}, not {sources.Count}");
        return new()
        {
            Sources = sources,
            MaxBytes = rule.TryGetPropertyValue(MaxSize, out var size) ? BytesOf(size, $"{path}.{MaxSize}") : null,
            RequiresSha256 = rule.TryGetPropertyValue(RequireSha256, out var required) && FlagOf(required, $"{path}.{RequireSha256}"),
        };
    }

    private static ArtifactSource SourceOf((JsonNode? Item, string Path) source)
    {
        var text = TextOf(source.Item, source.Path);
        if (ArtifactSource.Parse(text) is not { } parsed)
            throw new FormatException(
                $"{source.Path}: {UrlText.Of(text)} must be an http, https or file URL without user information, query, fragment, encoded "
                + "separators and dots, such as https://repo.example.com/modules/");
        return Encoding.UTF8.GetByteCount(parsed.ToString()) <= Limits.PolicySource
            ? parsed
            : throw new FormatException($"{source.Path}: must be at most {Limits.PolicySource} bytes");
    }

    private static IEnumerable<(JsonNode? Item, string Path)> Items(JsonObject parent, string field, string path) =>
        parent[field] is JsonArray { Count: > 0 } items
            ? items.Select((item, index) => (item, $"{path}[{index}]"))
            : throw new FormatException($"{path}: must be a list of at least one");

    private static string TextOf(JsonNode? node, string path) =>
        node is JsonValue value && value.TryGetValue<string>(out var text) && text.Length > 0
            ? text
            : throw new FormatException($"{path}: must be a text");

    private static bool FlagOf(JsonNode? node, string path) =>
        node is JsonValue value && value.TryGetValue<bool>(out var flag)
            ? flag
            : throw new FormatException($"{path}: must be true or false");

    private static long BytesOf(JsonNode? node, string path) =>
        node is JsonValue && Quantity.Parse(node.ToString()) is { } bytes && bytes >= 1 && bytes == decimal.Truncate(bytes)
            ? (long)bytes
            : throw new FormatException($"{path}: must be a number of bytes, such as 200Mi");

    private static void CheckFields(JsonObject parent, string prefix, params string[] known)
    {
        if (parent.Select(field => field.Key).FirstOrDefault(field => !known.Contains(field)) is { } unknown)
            throw new FormatException($"{prefix}{unknown}: is unknown; known are {string.Join(", ", known)}");
    }

    private static void Within(string path, Action check)
    {
        try
        {
            check();
        }
        catch (FormatException exception)
        {
            throw new FormatException($"{path}: {exception.Message}", exception);
        }
    }
}
