namespace ModuleController.Dev.ApiServer.Admission;

/// <summary>The rules of webhook configurations.</summary>
internal static class ConfigurationRules
{
    private const string Group = "admissionregistration.k8s.io";

    public static IEnumerable<FieldError> Check(JsonObject configuration, ResourceType type)
    {
        if (type.Group != Group) return [];
        var errors = new List<FieldError>();
        var names = new HashSet<string>();
        foreach (var (webhook, at) in configuration.Objects("webhooks").Select((one, at) => (one, $"webhooks[{at}]")))
        {
            errors.AddRange(OfWebhook(webhook, at));
            if (!names.Add(webhook.Text("name") ?? "")) errors.Add(FieldError.Duplicate($"{at}.name", webhook["name"]));
        }

        return errors;
    }

    private static IEnumerable<FieldError> OfWebhook(JsonObject webhook, string at) =>
    [
        .. OfName(webhook.Text("name") ?? "", $"{at}.name"),
        .. webhook.Objects("rules").SelectMany((rule, index) => OfRule(rule, $"{at}.rules[{index}]")),
        .. OneOf(webhook, "failurePolicy", at, "Fail", "Ignore"),
        .. OneOf(webhook, "matchPolicy", at, "Equivalent", "Exact"),
        .. webhook["sideEffects"] is null
            ? [FieldError.Required($"{at}.sideEffects", "must specify one of None, NoneOnDryRun")]
            : OneOf(webhook, "sideEffects", at, "None", "NoneOnDryRun"),
        .. webhook.Number("timeoutSeconds") is < 1 or > 30
            ? [FieldError.Invalid($"{at}.timeoutSeconds", webhook["timeoutSeconds"], "the timeout value must be between 1 and 30 seconds")]
            : (FieldError[])[],
        .. OfSelector(webhook["namespaceSelector"], $"{at}.namespaceSelector"),
        .. OfSelector(webhook["objectSelector"], $"{at}.objectSelector"),
        .. OneOf(webhook, "reinvocationPolicy", at, "IfNeeded", "Never"),
        .. ClientRules.Check(webhook["clientConfig"], $"{at}.clientConfig"),
        .. OfConditions(webhook, $"{at}.matchConditions"),
        .. OfVersions([.. webhook.Texts("admissionReviewVersions")], $"{at}.admissionReviewVersions"),
    ];

    private static IEnumerable<FieldError> OfName(string name, string at)
    {
        if (name.Length == 0) yield return FieldError.Required(at);
        else if (Names.SubdomainError(name) is { } why) yield return FieldError.Invalid(at, name, why);
        else if (name.Split('.').Length < 3)
            yield return FieldError.Invalid(at, name, "should be a domain with at least three segments separated by dots");
    }

    private static IEnumerable<FieldError> OfRule(JsonObject rule, string at) =>
    [
        .. Listed(rule, "operations", at, "operations"),
        .. rule.Texts("operations").SelectMany((one, index) =>
            (string[])["*", "CONNECT", "CREATE", "DELETE", "UPDATE"] is var known && known.Contains(one) ? (FieldError[])[]
                : [FieldError.NotSupported($"{at}.operations[{index}]", one, known)]),
        .. Listed(rule, "apiGroups", at, "API groups"),
        .. Listed(rule, "apiVersions", at, "API versions"),
        .. Empty(rule, "apiVersions", at),
        .. OfResources([.. rule.Texts("resources")], $"{at}.resources"),
        .. Empty(rule, "resources", at),
        .. OneOf(rule, "scope", at, "*", "Cluster", "Namespaced"),
    ];

    private static IEnumerable<FieldError> Listed(JsonObject rule, string field, string at, string what)
    {
        var values = rule.Texts(field).ToArray();
        if (values is []) yield return FieldError.Required($"{at}.{field}");
        else if (values.Length > 1 && values.Contains("*"))
            yield return FieldError.Invalid($"{at}.{field}", rule[field], $"if '*' is present, must not specify other {what}");
    }

    private static IEnumerable<FieldError> Empty(JsonObject rule, string field, string at) => rule.Texts(field)
        .Select((text, index) => (text, index)).Where(one => one.text.Length == 0)
        .Select(one => FieldError.Required($"{at}.{field}[{one.index}]"));

    private static IEnumerable<FieldError> OfResources(string[] resources, string at)
    {
        JsonArray All() => [.. resources.Select(one => (JsonNode)one)];
        if (resources is []) yield return FieldError.Required(at);
        foreach (var (text, index) in resources.Select((text, index) => (text, index)))
        {
            if (text.Split('/') is not [var resource, var subresource]) continue;
            var wider = resources[..index].FirstOrDefault(one => one == $"{resource}/*" || one == $"*/{subresource}");
            if (wider is not null && text != "*/*" && wider != text)
                yield return FieldError.Invalid($"{at}[{index}]", text, $"if '{wider}' is present, must not specify {text}");
        }

        if (resources.Length > 1 && resources.Contains("*/*"))
            yield return FieldError.Invalid(at, All(), "if '*/*' is present, must not specify other resources");
        if (resources.Contains("*") && resources.Any(one => one != "*" && !one.Contains('/')))
            yield return FieldError.Invalid(at, All(), "if '*' is present, must not specify other resources without subresources");
    }

    private static IEnumerable<FieldError> OfSelector(JsonNode? selector, string at)
    {
        foreach (var error in Names.CheckLabels(selector.At("matchLabels"), $"{at}.matchLabels")) yield return error;
        foreach (var (term, index) in selector.Objects("matchExpressions").Select((one, i) => (one, $"{at}.matchExpressions[{i}]")))
        {
            var (operation, values) = (term.Text("operator"), term.Texts("values").ToArray());
            if (operation is "In" or "NotIn" && values is [])
                yield return FieldError.Required($"{index}.values", "must be specified when `operator` is 'In' or 'NotIn'");
            else if (operation is "Exists" or "DoesNotExist" && values is not [])
                yield return FieldError.Forbidden($"{index}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
            else if (operation is not ("In" or "NotIn" or "Exists" or "DoesNotExist"))
                yield return FieldError.Invalid($"{index}.operator", operation ?? "", "not a valid selector operator");
            if (Names.KeyError(term.Text("key") ?? "") is { } why) yield return FieldError.Invalid($"{index}.key", term["key"], why);
        }
    }

    private static IEnumerable<FieldError> OfConditions(JsonObject webhook, string at)
    {
        var conditions = webhook.Objects("matchConditions").ToArray();
        if (conditions.Length > 64)
        {
            yield return FieldError.TooMany(at, conditions.Length, 64);
            yield break;
        }

        var names = new HashSet<string>();
        foreach (var (condition, index) in conditions.Select((one, index) => (one, $"{at}[{index}]")))
        {
            var (name, expression) = (condition.Text("name") ?? "", condition.Text("expression") ?? "");
            if (expression.Length == 0) yield return FieldError.Required($"{index}.expression");
            else if (Uncompiled(expression, $"{index}.expression") is { } why)
                yield return FieldError.Invalid($"{index}.expression", expression, why);
            if (name.Length == 0) yield return FieldError.Required($"{index}.name");
            else if (Names.KeyError(name) is { } wrong) yield return FieldError.Invalid($"{index}.name", name, wrong);
            else if (!names.Add(name)) yield return FieldError.Duplicate($"{index}.name", name);
        }
    }

    private static string? Uncompiled(string expression, string at)
    {
        try
        {
            MatchConditions.Compile(expression, at);
            return null;
        }
        catch (RuleException e)
        {
            return e.Message;
        }
    }

    private static IEnumerable<FieldError> OfVersions(string[] versions, string at)
    {
        if (versions is [])
        {
            yield return FieldError.Required(at, "must specify one of v1, v1beta1");
            yield break;
        }

        var known = new HashSet<string>();
        foreach (var (version, index) in versions.Select((one, index) => (one, $"{at}[{index}]")))
        {
            if (!known.Add(version)) yield return FieldError.Invalid(index, version, "duplicate version");
            else if (!Names.IsServiceName(version)) yield return FieldError.Invalid(index, version, Names.ServiceRule);
        }

        if (!versions.Contains("v1") && !versions.Contains("v1beta1"))
            yield return FieldError.Invalid(at, new JsonArray([.. versions]), "must include at least one of v1, v1beta1");
        else if (!versions.Contains("v1")) throw Statuses.NotImplemented("a webhook of AdmissionReview v1beta1 alone");
    }

    private static FieldError[] OneOf(JsonObject node, string field, string at, params string[] allowed) =>
        node.Text(field) is { } text && !allowed.Contains(text) ? [FieldError.NotSupported($"{at}.{field}", text, allowed)] : [];
}
