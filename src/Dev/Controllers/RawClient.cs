using System.Net;
using System.Net.Http.Json;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ModuleController.Dev.Controllers;

/// <summary>One kind of the cluster, from discovery.</summary>
public sealed record DiscoveredResource(string ApiVersion, string Kind, string Plural, bool IsNamespaced)
{
    public string CollectionPath => ApiVersion.Contains('/') ? $"/apis/{ApiVersion}/{Plural}" : $"/api/{ApiVersion}/{Plural}";

    public string Path(string? ns, string name)
    {
        var root = ApiVersion.Contains('/') ? $"/apis/{ApiVersion}" : $"/api/{ApiVersion}";
        return IsNamespaced ? $"{root}/namespaces/{ns}/{Plural}/{name}" : $"{root}/{Plural}/{name}";
    }
}

/// <summary>The API without types, for the controllers that handle every kind: garbage collection and namespaces.</summary>
public sealed class RawClient(HttpClient http)
{
    /// <summary>All kinds that can be listed, watched and deleted, each in one version.</summary>
    public async Task<IReadOnlyList<DiscoveredResource>> DiscoverAsync(CancellationToken cancellation)
    {
        var versions = new List<string> { "v1" };
        var groups = await http.GetFromJsonAsync<JsonObject>("/apis", cancellation);
        foreach (var group in groups!["groups"]!.AsArray())
            versions.Add(group!["preferredVersion"]!["groupVersion"]!.GetValue<string>());

        var found = new List<DiscoveredResource>();
        foreach (var version in versions)
        {
            var root = version.Contains('/') ? $"/apis/{version}" : $"/api/{version}";
            var list = await http.GetFromJsonAsync<JsonObject>(root, cancellation);
            foreach (var resource in list!["resources"]!.AsArray())
            {
                var name = resource!["name"]!.GetValue<string>();
                var verbs = resource["verbs"]!.AsArray().Select(verb => verb!.GetValue<string>()).ToHashSet();
                if (name.Contains('/') || !verbs.IsSupersetOf(["list", "watch", "delete"])) continue;
                found.Add(new(version, resource["kind"]!.GetValue<string>(), name, resource["namespaced"]!.GetValue<bool>()));
            }
        }

        return found;
    }

    /// <summary>The object, or null where there is none.</summary>
    public async Task<JsonObject?> FindAsync(string path, CancellationToken cancellation)
    {
        using var response = await http.GetAsync(new Uri(path, UriKind.Relative), cancellation);
        if (response.StatusCode == HttpStatusCode.NotFound) return null;
        response.EnsureSuccessStatusCode();
        return await response.Content.ReadFromJsonAsync<JsonObject>(cancellation);
    }

    /// <summary>Ignores 404 and 409: the next event shows the current state.</summary>
    public Task DeleteAsync(string path, string uid, string? propagation, CancellationToken cancellation)
    {
        var options = new JsonObject { ["preconditions"] = new JsonObject { ["uid"] = uid } };
        if (propagation is not null) options["propagationPolicy"] = propagation;
        return SendAsync(HttpMethod.Delete, path, options, "application/json", cancellation);
    }

    public Task MergeAsync(string path, JsonObject patch, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Patch, path, patch, "application/merge-patch+json", cancellation);

    public Task PutAsync(string path, JsonObject body, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Put, path, body, "application/json", cancellation);

    public Task PostAsync(string path, JsonObject body, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Post, path, body, "application/json", cancellation);

    /// <summary>
    /// Lists and then watches until the kind is no longer served: the type of each event, and the object. After an interruption it
    /// lists again,
    /// which begins with RESET.
    /// </summary>
    public async IAsyncEnumerable<(string Type, JsonObject Object)> FollowAsync(
        string path, TimeProvider time, [EnumeratorCancellation] CancellationToken cancellation)
    {
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            await using var events = ListAndWatchAsync(path, cancellation).GetAsyncEnumerator(cancellation);
            while (true)
            {
                try
                {
                    if (!await events.MoveNextAsync()) break;
                }
                catch (HttpRequestException problem) when (problem.StatusCode == HttpStatusCode.NotFound)
                {
                    yield break;
                }
                catch (Exception problem) when (problem is HttpRequestException or IOException or JsonException)
                {
                    break; // the server stopped, or the version is too old: list again
                }

                yield return events.Current;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(200), time, cancellation);
        }
    }

    private async IAsyncEnumerable<(string Type, JsonObject Object)> ListAndWatchAsync(
        string path, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var list = await http.GetFromJsonAsync<JsonObject>(path, cancellation);
        yield return ("RESET", []);
        foreach (var item in list!["items"]!.AsArray()) yield return ("ADDED", item!.AsObject());

        var version = list["metadata"]!["resourceVersion"]!.GetValue<string>();
        using var response = await http.GetAsync(
            new Uri($"{path}?watch=true&resourceVersion={version}&timeoutSeconds=300", UriKind.Relative),
            HttpCompletionOption.ResponseHeadersRead, cancellation);
        response.EnsureSuccessStatusCode();
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellation), Encoding.UTF8);
        while (await reader.ReadLineAsync(cancellation) is { } line)
        {
            var change = JsonNode.Parse(line)!.AsObject();
            var type = change["type"]!.GetValue<string>();
            if (type == "ERROR") yield break;
            if (type != "BOOKMARK") yield return (type, change["object"]!.AsObject());
        }
    }

    private async Task SendAsync(HttpMethod method, string path, JsonObject body, string type, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(method, path)
        {
            Content = new StringContent(body.ToJsonString(), Encoding.UTF8, type),
        };
        using var response = await http.SendAsync(request, cancellation);
        if (response.IsSuccessStatusCode || response.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Conflict) return;
        throw new HttpRequestException(
            $"{method} {path}: {await response.Content.ReadAsStringAsync(cancellation)}", null, response.StatusCode);
    }
}
