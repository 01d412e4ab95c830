using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using ModuleController.Dev.ApiServer.Patches;
using ModuleController.Dev.ApiServer.Storage;
using ModuleController.Dev.Cluster.Demo;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Recordings;

/// <summary>Sends the requests of one recording, in order and in a namespace of their own, and returns the answers.</summary>
public sealed class Replay(RecordedCluster cluster)
{
    /// <summary>What <c>{long}</c> stands for: a few hundred of them fill all buffers between a server and a client.</summary>
    private static readonly string Long = new('x', 100_000);

    /// <summary>The kinds of objects to which recordings give finalizers.</summary>
    private static readonly string[] Kinds =
    [
        "/api/v1/namespaces/{ns}/secrets", "/api/v1/namespaces/{ns}/configmaps", "/apis/rec.example/v1/namespaces/{ns}/things",
        .. ((string[])["modules", "modulereplicasets", "moduledeployments"])
            .Select(kind => $"/apis/koupleless.io/v1alpha1/namespaces/{{ns}}/{kind}"),
    ];

    private readonly string _namespace = $"recordings-{Guid.NewGuid().ToString()[..8]}";
    private readonly Dictionary<string, JsonNode> _captured = [];
    private readonly Dictionary<string, HttpResponseMessage> _held = [];
    private int _repeated;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Values that have a name in recordings; versions have none, because other numbers may be equal.</summary>
    private Dictionary<string, string> Names => new(_captured.Where(one => one.Value.Text()?.All(char.IsAsciiDigit) is false)
        .Select(one => KeyValuePair.Create(one.Value.Text()!, one.Key)).DistinctBy(one => one.Key))
    {
        [_namespace] = "ns",
        [Long] = "long",
    };

    public async Task<IReadOnlyList<(Step Step, JsonObject Answer)>> RunAsync(Recording recording)
    {
        await CreateNamespaceAsync();
        var answers = new List<(Step, JsonObject)>();
        try
        {
            foreach (var step in recording.Steps) answers.Add((step, await AnswerAsync(step)));
        }
        finally
        {
            foreach (var watch in _held.Values) watch.Dispose();
            foreach (var path in recording.Cleanup) await cluster.DeleteAsync(Fill(path));
            foreach (var path in Kinds) await ReleaseAsync(Fill(path));
            await cluster.DeleteAsync($"/api/v1/namespaces/{_namespace}");
        }

        return answers;
    }

    /// <summary>Takes the finalizers off what is left, which would hold the namespace and the definitions for ever.</summary>
    private async Task ReleaseAsync(string path)
    {
        using var answer = await cluster.SendAsync(HttpMethod.Get, path);
        var list = JsonNode.Parse(await answer.Content.ReadAsStringAsync(Cancellation));
        foreach (var item in list.Objects("items").Where(item => item.Texts("metadata", "finalizers").Any()))
        {
            using var patch = new StringContent("""{"metadata": {"finalizers": null}}""", Encoding.UTF8, "application/merge-patch+json");
            using var released = await cluster.SendAsync(HttpMethod.Patch, $"{path}/{item.Text("metadata", "name")}", patch);
        }
    }

    private async Task CreateNamespaceAsync()
    {
        using var body = new StringContent($$$"""{"metadata": {"name": "{{{_namespace}}}"}}""", Encoding.UTF8, "application/json");
        using var created = await cluster.SendAsync(HttpMethod.Post, "/api/v1/namespaces", body);
        Assert.True(created.IsSuccessStatusCode, await created.Content.ReadAsStringAsync(Cancellation));
        await Eventually.True(async () =>
        {
            using var account = await cluster.SendAsync(HttpMethod.Get, $"/api/v1/namespaces/{_namespace}/serviceaccounts/default");
            return account.IsSuccessStatusCode;
        });
    }

    private async Task<JsonObject> AnswerAsync(Step step)
    {
        if (step.Read is { } held) return await ReadToEndAsync(held);
        if (step.Held is { } name) return await HoldAsync(name, step);
        if (step.IsWatch) return await WatchAsync(step);
        var answer = new JsonObject();
        async Task<bool> IsExpectedAsync()
        {
            for (_repeated = 0; _repeated < step.Repeat - 1; _repeated++) await RequestAsync(step);
            var all = await Task.WhenAll(Enumerable.Range(0, step.Times).Select(_ => RequestAsync(step)));
            answer = all.FirstOrDefault(one => step.Until is null || Contains(one, step.Until)) ?? all[0];
            return step.Until is null || Contains(answer, step.Until);
        }

        // A real server's controllers count some things every five minutes only.
        await Eventually.True(IsExpectedAsync, () => Task.FromResult($"{step.Name}: {Normalized(step, answer).ToCompact()}"),
            cluster.IsDevCluster ? null : TimeSpan.FromMinutes(6));
        foreach (var (capture, path) in step.Captures)
            _captured[capture] = answer["body"].At(path)?.DeepClone()
                ?? throw new InvalidOperationException($"{step.Name}: no {string.Join('.', path)} in {answer.ToCompact()}");
        return Normalized(step, answer);
    }

    private JsonObject Normalized(Step step, JsonObject answer)
    {
        if (step.Picked.Any() && answer["body"] is { } body)
            answer["body"] = new JsonObject(step.Picked.Select(path =>
                KeyValuePair.Create(string.Join('.', path), body.At(path)?.DeepClone())));
        foreach (var path in step.Omitted)
            if (answer["body"].At(path.AsSpan()[..^1]) is JsonObject owner) owner.Remove(path[^1]);
        var normalized = NotCompared.Normalize(answer, Names)!.AsObject();
        // A real server writes the warnings of several rules in no order.
        if (normalized["warnings"] is JsonArray warnings)
            normalized["warnings"] = new JsonArray(
                [.. warnings.Select(one => one!.GetValue<string>()).Order(StringComparer.Ordinal).Select(one => (JsonNode)one)]);
        return normalized;
    }

    private async Task<JsonObject> RequestAsync(Step step)
    {
        using var response = await SendAsync(step);
        var text = await response.Content.ReadAsStringAsync(Cancellation);
        var answer = new JsonObject { ["code"] = (int)response.StatusCode };
        if (response.Headers.TryGetValues("Warning", out var warnings))
            answer["warnings"] = new JsonArray([.. warnings.Select(one => (JsonNode)one)]);
        answer["body"] = text.StartsWith('{') ? JsonNode.Parse(text) : text;
        return answer;
    }

    /// <summary>The events of a watch, in order for each object; of errors and bookmarks the object itself.</summary>
    private async Task<JsonObject> WatchAsync(Step step)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        deadline.CancelAfter(Eventually.Deadline);
        using var response = await SendAsync(step);
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync(deadline.Token));
        var answer = new JsonObject { ["code"] = (int)response.StatusCode };
        if (!response.IsSuccessStatusCode)
        {
            answer["body"] = JsonNode.Parse(await lines.ReadToEndAsync(deadline.Token));
            return Normalized(step, answer);
        }

        var events = step.IsOrdered ? [] : answer.Child("events");
        var order = new JsonArray();
        while (await lines.ReadLineAsync(deadline.Token) is { } line)
        {
            var parsed = JsonNode.Parse(line)!;
            if (parsed["object"] is not { } subject)
            {
                answer["body"] = parsed;      // not a watch after all
                break;
            }

            var type = parsed.Text("type")!;
            var name = subject.Text("metadata", "name") ?? "";
            order.Add($"{type} {name}");
            events.Default(name, new JsonArray());
            ((JsonArray)events[name]!).Add(name.Length > 0 ? type : new JsonObject { [type] = subject.DeepClone() });
            if ($"{type} {name}" == step.LastEvent) break;
        }

        if (step.IsOrdered) answer["events"] = order;
        return Normalized(step, answer);
    }

    private async Task<JsonObject> HoldAsync(string name, Step step)
    {
        _held[name] = await SendAsync(step);
        return new() { ["code"] = (int)_held[name].StatusCode };
    }

    /// <summary>Whether the last version of the object arrived; a server ends the watch of a client that does not read.</summary>
    private async Task<JsonObject> ReadToEndAsync(string name)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        deadline.CancelAfter(Eventually.Deadline);
        using var lines = new StreamReader(await _held[name].Content.ReadAsStreamAsync(deadline.Token));
        var types = new JsonArray();
        var last = "";
        while (await lines.ReadLineAsync(deadline.Token) is { } line)
        {
            var parsed = JsonNode.Parse(line);
            if (types.All(type => type.Text() != parsed.Text("type"))) types.Add(parsed.Text("type"));
            last = parsed.Text("object", "data", "number");
        }

        return new() { ["types"] = types, ["isComplete"] = last == $"{_repeated}" };
    }

    private async Task<HttpResponseMessage> SendAsync(Step step)
    {
        if (step.AfterCompaction) cluster.Compact();
        using var body = BodyOf(step) is { } text ? new StringContent(text) : null;
        if (body is not null) body.Headers.ContentType = MediaTypeHeaderValue.Parse(step.Type);
        return await cluster.SendAsync(new(step.Method), Fill(step.Path), body, step.Accept, step.Token is null ? null : Fill(step.Token));
    }

    private string? BodyOf(Step step)
    {
        if (step.File is null) return step.Body is null ? null : Fill(step.Body.Text() ?? step.Body.ToJsonString());
        var file = YamlObjects.Parse(File.ReadAllText(Path.Combine(Repository.Root, step.File)))[0];
        return Fill((step.Change is null ? file : JsonPatch.Apply(file, step.Change.DeepClone()))!.ToJsonString());
    }

    private string Fill(string text)
    {
        foreach (var (name, value) in _captured)
            text = (value.Text() is null ? text.Replace($"\"{{{name}}}\"", value.ToJsonString(), StringComparison.Ordinal) : text)
                .Replace($"{{{name}}}", value.Text() ?? value.ToJsonString(), StringComparison.Ordinal);
        return text.Replace("{ns}", _namespace, StringComparison.Ordinal).Replace("{long}", Long, StringComparison.Ordinal)
            .Replace("{i}", $"{_repeated}", StringComparison.Ordinal);
    }

    /// <summary>Whether an answer has all fields of a pattern; of lists an item that has.</summary>
    private static bool Contains(JsonNode? answer, JsonNode? pattern) => (answer, pattern) switch
    {
        (JsonObject fields, JsonObject wanted) => wanted.All(field => Contains(fields[field.Key], field.Value)),
        (JsonArray items, JsonArray wanted) => wanted.All(one => items.Any(item => Contains(item, one))),
        _ => JsonNode.DeepEquals(answer, pattern),
    };
}
