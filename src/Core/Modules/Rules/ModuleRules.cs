using System.Text;

namespace ModuleController.Core.Modules.Rules;

/// <summary>A rule that an object breaks: the field, and what its value must be.</summary>
public sealed record RuleBreach(string Field, string Message)
{
    /// <summary>What the controller does with a stored value: "86400 is used". Null: nothing is released until the field is
    /// corrected.</summary>
    public string? Instead { get; init; }

    public override string ToString() => $"{Field}: {Message}";
}

/// <summary>A field of a ModuleDeployment with its rule and its value; an absent value is null.</summary>
public sealed record RuledField(string Path, FieldRule Rule, object? Value);

/// <summary>The rules for our kinds, each once: for admission, and for what was stored before a rule existed.</summary>
public static class ModuleRules
{
    public const string ModulePath = "spec.template.spec.module";

    private const string LeftOut = "left out";

    public static IReadOnlyList<RuleBreach> Check(ModuleDeployment deployment) =>
    [
        .. Fields(deployment.Spec).SelectMany(Breaches),
        .. Urls(deployment.Spec.Template.Spec.Module, ModulePath),
        .. Annotations(deployment.Spec.Template.Metadata),
        .. Service(deployment.Spec.OperationStrategy.ServiceStrategy),
    ];

    public static IReadOnlyList<RuleBreach> Check(ModuleTemplateSpec template) =>
    [
        .. Fields(template).SelectMany(Breaches),
        .. Urls(template.Spec.Module, ModulePath),
        .. Annotations(template.Metadata),
    ];

    /// <summary>Checks a module source. <paramref name="path"/> is the prefix of the field names in the result.</summary>
    public static IReadOnlyList<RuleBreach> Check(ModuleSource source, string path) =>
        [.. Fields(source, path).SelectMany(Breaches), .. Urls(source, path)];

    /// <summary>Checks a hook. <paramref name="path"/> names it: <c>spec.hooks.preInstall</c>.</summary>
    public static IReadOnlyList<RuleBreach> Check(ModuleHook hook, string path) => [.. Fields(hook, path).SelectMany(Breaches)];

    /// <summary>Each field that has a rule.</summary>
    public static IEnumerable<RuledField> Fields(ModuleDeploymentSpec spec)
    {
        var (strategy, service) = (spec.OperationStrategy, spec.OperationStrategy.ServiceStrategy);
        const string Strategy = "spec.operationStrategy";
        return
        [
            new("spec.baseDeploymentName", FieldLimits.BaseDeploymentName, spec.BaseDeploymentName),
            .. Fields(spec.Template),
            new("spec.replicas", FieldLimits.Replicas, spec.Replicas),
            new("spec.scaleReplicas", FieldLimits.NotNegative, spec.ScaleReplicas),
            new("spec.minReadySeconds", FieldLimits.NotNegative, spec.MinReadySeconds),
            new("spec.revisionHistoryLimit", FieldLimits.NotNegative, spec.RevisionHistoryLimit),
            new("spec.progressDeadlineSeconds", FieldLimits.NotNegative, spec.ProgressDeadlineSeconds),
            new("spec.confirmBatchNum", FieldLimits.NotNegative, spec.ConfirmBatchNum),
            new("spec.priority", FieldLimits.Priority, spec.Priority),
            new($"{Strategy}.batchCount", FieldLimits.NotNegative, strategy.BatchCount),
            new($"{Strategy}.grayTimeBetweenBatchSeconds", FieldLimits.NotNegative, strategy.GrayTimeBetweenBatchSeconds),
            new($"{Strategy}.maxUnavailable", FieldLimits.MaxUnavailable,
                strategy.MaxUnavailable is { } limit ? limit.IsPercent ? limit.ToString() : limit.Value : null),
            new($"{Strategy}.maxFailures", FieldLimits.NotNegative, strategy.MaxFailures),
            new($"{Strategy}.upgradePolicy", FieldLimits.UpgradePolicy, strategy.UpgradePolicy),
            new($"{Strategy}.installTimeoutSeconds", FieldLimits.InstallTimeoutSeconds, strategy.InstallTimeoutSeconds),
            new($"{Strategy}.trafficDrainSeconds", FieldLimits.TrafficDrainSeconds, strategy.TrafficDrainSeconds),
            new($"{Strategy}.serviceStrategy.type", FieldLimits.ServiceType, service?.Type),
            new($"{Strategy}.serviceStrategy.port", FieldLimits.Port, service?.Port),
            new($"{Strategy}.serviceStrategy.targetPort", FieldLimits.TargetPort,
                service?.TargetPort is { } port ? port.Name ?? (object)port.Number : null),
            new("spec.schedulingStrategy.schedulingPolicy", FieldLimits.SchedulingPolicy, spec.SchedulingStrategy.SchedulingPolicy),
            .. Hooks(spec.Hooks).SelectMany(hook => hook.Hook is null ? [] : Fields(hook.Hook, hook.Path)),
        ];
    }

    private static IEnumerable<(string Path, ModuleHook? Hook)> Hooks(ModuleHooks? hooks) =>
    [
        ("spec.hooks.preInstall", hooks?.PreInstall), ("spec.hooks.postInstall", hooks?.PostInstall),
        ("spec.hooks.preUninstall", hooks?.PreUninstall), ("spec.hooks.postUninstall", hooks?.PostUninstall),
    ];

    private static IEnumerable<RuledField> Fields(ModuleTemplateSpec template) =>
    [
        .. Fields(template.Spec.Module, ModulePath),
        new("spec.template.metadata.labels", FieldLimits.Labels, template.Metadata.Labels),
        new("spec.template.metadata.annotations", FieldLimits.Annotations, template.Metadata.Annotations),
        new("spec.template.spec.upgradePolicy", FieldLimits.UpgradePolicy, template.Spec.UpgradePolicy),
    ];

    private static IEnumerable<RuledField> Fields(ModuleSource source, string path) =>
    [
        new($"{path}.name", FieldLimits.ModuleName, source.Name),
        new($"{path}.version", FieldLimits.ModuleVersion, source.Version),
        new($"{path}.url", FieldLimits.Url, source.Url),
        new($"{path}.type", FieldLimits.Type, source.Type),
        new($"{path}.md5", FieldLimits.Md5, source.Md5),
        new($"{path}.sha256", FieldLimits.Sha256, source.Sha256),
    ];

    private static IEnumerable<RuledField> Fields(ModuleHook hook, string path) =>
    [
        new($"{path}.port", FieldLimits.Port, hook.Port),
        new($"{path}.path", FieldLimits.HookPath, hook.Path ?? ""),
        new($"{path}.timeoutSeconds", FieldLimits.HookTimeoutSeconds, hook.TimeoutSeconds),
        new($"{path}.retries", FieldLimits.HookRetries, hook.Retries),
        new($"{path}.failurePolicy", FieldLimits.HookFailurePolicy, hook.FailurePolicy),
    ];

    private static IEnumerable<RuleBreach> Breaches(RuledField field) => field switch
    {
        { Value: null } or { Rule: FieldRule.Choice, Value: "" } => [],
        { Rule: FieldRule.Text { IsRequired: true }, Value: "" } => [new(field.Path, "is required")],
        { Rule: FieldRule.Map rule, Value: IReadOnlyDictionary<string, string> map } => Breaches(field.Path, rule, map),
        _ when field.Rule.Allows(field.Value) => [],
        // A url may hold a password.
        _ when field.Rule == FieldLimits.Url => [new(field.Path, field.Rule.Must)],
        _ => [new(field.Path, $"{field.Rule.Must}, not {Shown(field.Value)}") { Instead = Nearest(field) }],
    };

    private static string? Nearest(RuledField field) => field is { Rule: FieldRule.Number { IsClamped: true } rule, Value: int value }
        ? FormattableString.Invariant($"{rule.Nearest(value)} is used")
        : null;

    private static IEnumerable<RuleBreach> Breaches(string path, FieldRule.Map rule, IReadOnlyDictionary<string, string> map)
    {
        if (map.Count > rule.MaxEntries)
            yield return new(path, FormattableString.Invariant($"must have at most {rule.MaxEntries} keys, not {map.Count}"));
        foreach (var (key, value) in map.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            if (!rule.OfKey.Allows(key)) yield return new($"{path}[{Within(key)}]", rule.OfKey.Must) { Instead = LeftOut };
            else if (rule.OfValue?.Allows(value) == false)
                yield return new($"{path}[{Within(key)}]", $"{rule.OfValue.Must}, not {Shown(value)}") { Instead = LeftOut };
        }
    }

    // What the pattern allows, and no client could fetch: http://[.
    private static IEnumerable<RuleBreach> Urls(ModuleSource source, string path) =>
        FieldLimits.Url.Allows(source.Url) && !Uri.TryCreate(source.Url, UriKind.Absolute, out _)
            ? [new($"{path}.url", FieldLimits.Url.Must)]
            : [];

    private static IEnumerable<RuleBreach> Annotations(TemplateMeta template) =>
        template.Annotations.Sum(entry => (long)Encoding.UTF8.GetByteCount(entry.Key) + Encoding.UTF8.GetByteCount(entry.Value))
            > FieldLimits.MaxAnnotations
            ? [new("spec.template.metadata.annotations", $"must be at most {FieldLimits.MaxAnnotations} bytes in all")]
            : [];

    private static IEnumerable<RuleBreach> Service(ServiceStrategy? service) =>
        service is { EnableModuleService: true, Port: null }
            ? [new("spec.operationStrategy.serviceStrategy.port", $"is required where the Service is enabled, and {FieldLimits.Port.Must}")]
            : [];

    private static string Shown(object value) => value is string text ? $"'{Within(text)}'" : FormattableString.Invariant($"{value}");

    private static string Within(string text) => text.Length <= 64 ? text : $"{text[..(char.IsHighSurrogate(text[62]) ? 62 : 63)]}…";
}
