using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using ModuleController.Core.Meta;

namespace ModuleController.Kube.Client;

/// <summary>One request in Kubernetes' terms: the verb is for metrics, the description for errors.</summary>
internal sealed record KubeRequest(HttpMethod Method, string Verb, string Resource, string Path)
{
    public string? Subresource { get; init; }

    public byte[]? Body { get; init; }

    public string ContentType { get; init; } = "application/json";

    public string Accept { get; init; } = "application/json";

    public string Description { get; init; } = "";

    /// <summary>Asking twice is the same as asking once, so a lost connection is no reason to give up.</summary>
    public bool IsIdempotent => Verb is "get" or "list";

    public static KubeRequest For<T>(HttpMethod method, string verb, ObjectKey key, string? subresource = null, string query = "")
        where T : class, IResource
    {
        var path = $"{T.Kind.Path(key.Namespace)}/{Uri.EscapeDataString(key.Name)}";
        return new(method, verb, T.Kind.Plural, subresource is null ? path + query : $"{path}/{subresource}{query}")
        {
            Subresource = subresource,
            Description = subresource is null ? $"{verb} {T.Kind} {key}" : $"{verb} {T.Kind}/{subresource} {key}",
        };
    }

    public static KubeRequest ForCollection<T>(HttpMethod method, string verb, string? ns, string query)
        where T : class, IResource =>
        new(method, verb, T.Kind.Plural, T.Kind.Path(ns) + query)
        {
            Description = ns is { Length: > 0 } ? $"{verb} {T.Kind} in {ns}" : $"{verb} {T.Kind}",
        };

    public HttpRequestMessage ToMessage(Uri baseUri, ProductInfoHeaderValue userAgent, bool usesHttp2)
    {
        // Appended, not resolved: the address of an API server behind a proxy may itself have a path.
        var message = new HttpRequestMessage(Method, baseUri.AbsoluteUri.TrimEnd('/') + Path);
        message.Headers.UserAgent.Add(userAgent);
        message.Headers.Accept.Add(new(Accept));
        if (usesHttp2 && baseUri.Scheme == Uri.UriSchemeHttps) message.Version = System.Net.HttpVersion.Version20;
        if (Body is not null)
        {
            message.Content = new ByteArrayContent(Body);
            message.Content.Headers.ContentType = new(ContentType);
        }

        return message;
    }

    public static string Query(params ReadOnlySpan<(string Name, string? Value)> parameters)
    {
        var query = new StringBuilder();
        foreach (var (name, value) in parameters)
        {
            if (value is { Length: > 0 })
                query.Append(query.Length == 0 ? '?' : '&').Append(name).Append('=').Append(Uri.EscapeDataString(value));
        }

        return query.ToString();
    }

    public static string? Number(double? value) =>
        value is { } number ? ((long)Math.Ceiling(number)).ToString(CultureInfo.InvariantCulture) : null;
}
