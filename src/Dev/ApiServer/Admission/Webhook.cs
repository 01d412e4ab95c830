namespace ModuleController.Dev.ApiServer.Admission;

/// <summary>One webhook of a configuration.</summary>
internal sealed class Webhook(string configuration, JsonObject webhook, bool isMutating)
{
    private readonly WebhookRule[] _rules = [.. webhook.Objects("rules").Select(rule => new WebhookRule(rule))];
    private readonly LabelSelector _objects = new(webhook["objectSelector"]);
    private readonly MatchConditions _conditions = new(webhook);

    public string Configuration => configuration;

    public string Name { get; } = webhook.Text("name") ?? "";

    public bool IsMutating => isMutating;

    /// <summary>Whether a failed call rejects the request.</summary>
    public bool FailsClosed { get; } = webhook.Text("failurePolicy") != "Ignore";

    public bool IsReinvoked { get; } = webhook.Text("reinvocationPolicy") == "IfNeeded";

    public TimeSpan Timeout { get; } = TimeSpan.FromSeconds(webhook.Number("timeoutSeconds") ?? 10);

    public WebhookAddress Address { get; } = WebhookAddress.Of(webhook["clientConfig"]);

    public LabelSelector Namespaces { get; } = new(webhook["namespaceSelector"]);

    /// <summary>Whether it may see such requests. The other conditions are about their objects.</summary>
    public bool IsAbout(AdmissionAttributes attributes) => Array.Exists(_rules, rule => rule.Matches(attributes));

    /// <summary>Whether it is called for the objects of a request.</summary>
    /// <exception cref="StatusException">A match condition has no value, and the webhook fails closed.</exception>
    public bool Selects(AdmissionAttributes attributes, JsonObject? tree, Func<JsonObject?> ns)
    {
        if (!Namespaces.IsEmpty && HasNamespace(attributes) && !Namespaces.Matches(ns())) return false;
        if (!_objects.Matches(tree) && !_objects.Matches(attributes.OldObject)) return false;
        var (isMatch, problems) = _conditions.Evaluate(attributes, tree);
        if (problems is [] || !FailsClosed) return isMatch;
        var listed = string.Join(", ", problems);
        throw Statuses.Forbidden(attributes.Type, attributes.Name, problems.Count > 1 ? $"[{listed}]" : listed);
    }

    private static bool HasNamespace(AdmissionAttributes attributes) => attributes.IsNamespace || attributes.Namespace.Length > 0;
}
