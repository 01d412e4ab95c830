using System.Text.Json;

namespace ModuleController.Dev.ApiServer.Admission;

/// <summary>Why a call of a webhook counts as failed.</summary>
internal sealed class WebhookException(string message) : Exception(message);

/// <summary>The checked answer of a webhook.</summary>
internal sealed record WebhookAnswer(StatusException? Denial, JsonArray? Patch, IReadOnlyList<string> Warnings)
{
    /// <exception cref="WebhookException">It is no answer to this request.</exception>
    public static WebhookAnswer Read(JsonObject review, string uid, Webhook webhook)
    {
        if (review["response"] is not JsonObject response) throw Wrong("webhook response was absent");
        if (response.Text("uid") != uid) throw Wrong($"expected response.uid=\"{uid}\", got \"{response.Text("uid")}\"");
        if (response["allowed"]?.GetValueKind() is not (null or JsonValueKind.True or JsonValueKind.False))
            throw new WebhookException("failed to call webhook: response.allowed is no boolean");
        var (patch, type) = (response.Text("patch") ?? "", response.Text("patchType"));
        if (!webhook.IsMutating && patch.Length > 0) throw Wrong("validating webhook may not return response.patch");
        if (!webhook.IsMutating && type is not null) throw Wrong("validating webhook may not return response.patchType");
        if (patch.Length > 0 && type is null) throw Wrong("webhook returned response.patch but not response.patchType");
        if (patch.Length == 0 && type is not null) throw Wrong("webhook returned response.patchType but not response.patch");
        var warnings = response.Texts("warnings").Where(text => !text.Any(char.IsControl)).ToArray();
        if (!response.Flag("allowed")) return new(DenialBy(webhook, response["status"] as JsonObject), null, warnings);
        var operations = patch.Length == 0 ? null : Decoded(patch);
        return type is null or "JSONPatch" ? new(null, operations, warnings)
            : throw new WebhookException($"webhook returned response.patchType {type}, which is not JSONPatch");
    }

    private static WebhookException Wrong(string why) => new($"received invalid webhook response: {why}");

    private static JsonArray Decoded(string patch)
    {
        byte[] json;
        try
        {
            json = Convert.FromBase64String(patch);
        }
        catch (FormatException e)
        {
            throw new WebhookException($"failed to call webhook: {e.Message}");
        }

        try
        {
            return JsonNode.Parse(json) as JsonArray
                ?? throw new WebhookException("received undecodable patch in webhook response: it is no list");
        }
        catch (JsonException e)
        {
            throw new WebhookException($"received undecodable patch in webhook response: {e.Message}");
        }
    }

    private static StatusException DenialBy(Webhook webhook, JsonObject? status)
    {
        var denied = $"admission webhook \"{webhook.Name}\" denied the request";
        var (message, reason) = (status.Text("message") ?? "", status.Text("reason") ?? "");
        var why = message.Length > 0 ? $": {message}" : reason.Length > 0 ? $": {reason}" : " without explanation";
        var code = status.Number("code") is { } sent and >= 400 ? (int)sent : 400;
        return new(code, reason, denied + why, status.At("details") as JsonObject);
    }
}
