using System.Collections.Concurrent;
using ModuleController.Dev.ApiServer.Patches;

namespace ModuleController.Dev.ApiServer.Admission;

/// <summary>The webhooks that one request may concern.</summary>
public sealed class AdmissionCall
{
    private readonly IReadOnlyList<Webhook> _webhooks;
    private readonly WebhookClient _client;
    private readonly Func<string, JsonObject?> _namespaceOf;
    private readonly ICollection<string> _warnings;
    private readonly CancellationToken _cancellation;

    internal AdmissionCall(
        IReadOnlyList<Webhook> webhooks, WebhookClient client, Func<string, JsonObject?> namespaceOf, AdmissionAttributes attributes,
        ICollection<string> warnings, CancellationToken cancellation)
    {
        (_webhooks, _client, _namespaceOf) = (webhooks, client, namespaceOf);
        (Attributes, _warnings, _cancellation) = (attributes, warnings, cancellation);
    }

    public AdmissionAttributes Attributes { get; init; }

    public AdmissionCall With(AdmissionAttributes attributes) =>
        new(_webhooks, _client, _namespaceOf, attributes, _warnings, _cancellation);

    /// <summary>
    /// Lets the mutating webhooks change the object, one after the other. If a later one changes it, the earlier ones with
    /// <c>reinvocationPolicy: IfNeeded</c> are called once more.
    /// </summary>
    /// <param name="tree">The object; null for a deletion.</param>
    /// <param name="complete">Drops unknown fields and fills in defaults after each change.</param>
    /// <exception cref="StatusException">The request is rejected.</exception>
    public async Task<JsonObject?> MutateAsync(JsonObject? tree, Func<JsonObject, JsonObject> complete)
    {
        var (called, toCall, isChanged) = (new HashSet<Webhook>(), new HashSet<Webhook>(), false);
        foreach (var isAgain in (bool[])[false, true])
        {
            foreach (var webhook in _webhooks.Where(one => one.IsMutating))
            {
                if ((isAgain && !toCall.Contains(webhook)) || !Selects(webhook, tree)) continue;
                var changed = await CallAsync(webhook, tree, complete);
                if (changed is not null && !JsonNode.DeepEquals(changed, tree))
                {
                    toCall.UnionWith(called);
                    called.Clear();
                    (tree, isChanged) = (changed, true);
                }

                if (webhook.IsReinvoked) called.Add(webhook);
            }

            if (!isChanged) break;
        }

        return tree;
    }

    /// <summary>Asks the validating webhooks at once. Of several problems the first one counts.</summary>
    /// <exception cref="StatusException">The request is rejected.</exception>
    public async Task ValidateAsync(JsonObject? tree)
    {
        var selected = _webhooks.Where(one => !one.IsMutating && Selects(one, tree)).ToArray();
        var problems = new ConcurrentQueue<StatusException>();
        await Task.WhenAll(selected.Select(async webhook =>
        {
            try
            {
                await CallAsync(webhook, tree, tree => tree);
            }
            catch (StatusException problem)
            {
                problems.Enqueue(problem);
            }
        }));
        if (problems.TryPeek(out var first)) throw first;
    }

    private bool Selects(Webhook webhook, JsonObject? tree) => webhook.Selects(Attributes, tree, () =>
        Attributes.IsNamespace ? tree ?? Attributes.OldObject
            : _namespaceOf(Attributes.Namespace) ?? throw Statuses.BadRequest($"namespaces \"{Attributes.Namespace}\" not found"));

    /// <summary>The object as the webhook wants it; null if it changes nothing.</summary>
    private async Task<JsonObject?> CallAsync(Webhook webhook, JsonObject? tree, Func<JsonObject, JsonObject> complete)
    {
        var uid = Guid.NewGuid().ToString();
        var request = Attributes.ToRequest(uid);
        request.Insert(request.IndexOf("dryRun"), "object", tree?.DeepClone());
        request.Insert(request.IndexOf("dryRun"), "oldObject", Attributes.OldObject?.DeepClone());
        WebhookAnswer answer;
        try
        {
            answer = WebhookAnswer.Read(await _client.CallAsync(webhook, request, _cancellation), uid, webhook);
        }
        catch (WebhookException e) when (webhook.FailsClosed)
        {
            throw Statuses.Internal($"failed calling webhook \"{webhook.Name}\": {e.Message}");
        }
        catch (WebhookException)      // failurePolicy: Ignore
        {
            return null;
        }

        lock (_warnings)
        {
            foreach (var warning in answer.Warnings) _warnings.Add(warning);
        }

        if (answer.Denial is { } denial) throw denial;
        return answer.Patch is { Count: > 0 } patch && tree is not null ? complete(Patched(tree, patch)) : null;
    }

    private static JsonObject Patched(JsonObject tree, JsonArray patch)
    {
        try
        {
            return JsonPatch.Apply(tree.Copy(), patch) as JsonObject ?? throw Statuses.Internal("the patch leaves no object");
        }
        catch (StatusException e) when (e.Code is 400 or 422)
        {
            throw Statuses.Internal($"the patch {patch.ToCompact()} does not apply");
        }
    }
}
