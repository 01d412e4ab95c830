using System.Text;

namespace ModuleController.Core.Modules.Rules;

/// <summary>A field of an object with its rule and its value; an absent value is null.</summary>
public sealed record RuledField(string Path, FieldRule Rule, object? Value);

/// <summary>The rules for our kinds, each once: for admission, and for what was stored before a rule existed.</summary>
public static class ModuleRules
{
    public const string ModulePath = $"{TemplatePath}.spec.module";

    private const string TemplatePath = "spec.template";
    private const string StrategyPath = "spec.operationStrategy";

    private const string LeftOut = "left out";

    public static IReadOnlyList<RuleBreach> Check(ModuleDeployment deployment) =>
    [
        .. Fields(deployment.Spec).SelectMany(Breaches),
        .. Beside(deployment.Spec.Template, TemplatePath),
        .. Service(deployment.Spec.OperationStrategy.ServiceStrategy),
    ];

    public static IReadOnlyList<RuleBreach> Check(ModuleReplicaSet replicaSet) =>
    [
        .. Fields(replicaSet.Spec).SelectMany(Breaches),
        .. Beside(replicaSet.Spec.Template, TemplatePath),
    ];

    public static IReadOnlyList<RuleBreach> Check(Module module) => Check(module.Spec.Module, "spec.module");

    public static IReadOnlyList<RuleBreach> Check(ModuleTemplate template) => Check(template.Template, "template");

    /// <summary>Checks a template. <paramref name="path"/> is the prefix of the field names in the result.</summary>
    public static IReadOnlyList<RuleBreach> Check(ModuleTemplateSpec template, string path = TemplatePath) =>
        [.. Fields(template, path).SelectMany(Breaches), .. Beside(template, path)];

    /// <summary>Checks a module source. <paramref name="path"/> is the prefix of the field names in the result.</summary>
    public static IReadOnlyList<RuleBreach> Check(ModuleSource source, string path) =>
        [.. Fields(source, path).SelectMany(Breaches), .. Urls(source, path)];

    /// <summary>Checks a hook. <paramref name="path"/> names it: <c>spec.hooks.preInstall</c>.</summary>
    public static IReadOnlyList<RuleBreach> Check(ModuleHook hook, string path) => [.. Fields(hook, path).SelectMany(Breaches)];

    /// <summary>Each field that has a rule.</summary>
    public static IEnumerable<RuledField> Fields(ModuleDeploymentSpec spec) =>
    [
        new("spec.baseDeploymentName", FieldLimits.BaseDeploymentName, spec.BaseDeploymentName),
        .. Fields(spec.Template, TemplatePath),
        new("spec.replicas", FieldLimits.Replicas, spec.Replicas),
        new("spec.scaleReplicas", FieldLimits.NotNegative, spec.ScaleReplicas),
        new("spec.minReadySeconds", FieldLimits.NotNegative, spec.MinReadySeconds),
        new("spec.revisionHistoryLimit", FieldLimits.NotNegative, spec.RevisionHistoryLimit),
        new("spec.progressDeadlineSeconds", FieldLimits.NotNegative, spec.ProgressDeadlineSeconds),
        new("spec.confirmBatchNum", FieldLimits.NotNegative, spec.ConfirmBatchNum),
        new("spec.priority", FieldLimits.Priority, spec.Priority),
        .. Fields(spec.OperationStrategy),
        new("spec.schedulingStrategy.schedulingPolicy", FieldLimits.SchedulingPolicy, spec.SchedulingStrategy.SchedulingPolicy),
        .. Hooks(spec.Hooks).SelectMany(hook => hook.Hook is null ? [] : Fields(hook.Hook, hook.Path)),
    ];

    private static IEnumerable<RuledField> Fields(ModuleReplicaSetSpec spec) =>
    [
        .. Fields(spec.Template, TemplatePath),
        new("spec.replicas", FieldLimits.NotNegative, spec.Replicas),
        new("spec.minReadySeconds", FieldLimits.NotNegative, spec.MinReadySeconds),
        .. spec.OperationStrategy is { } strategy ? Fields(strategy) : [],
        new("spec.schedulingStrategy.schedulingPolicy", FieldLimits.SchedulingPolicy, spec.SchedulingStrategy?.SchedulingPolicy),
    ];

    private static IEnumerable<RuledField> Fields(OperationStrategy strategy)
    {
        var service = strategy.ServiceStrategy;
        return
        [
            new($"{StrategyPath}.batchCount", FieldLimits.NotNegative, strategy.BatchCount),
            new($"{StrategyPath}.grayTimeBetweenBatchSeconds", FieldLimits.NotNegative, strategy.GrayTimeBetweenBatchSeconds),
            new($"{StrategyPath}.maxUnavailable", FieldLimits.MaxUnavailable,
                strategy.MaxUnavailable is { } limit ? limit.IsPercent ? limit.ToString() : limit.Value : null),
            new($"{StrategyPath}.maxFailures", FieldLimits.NotNegative, strategy.MaxFailures),
            new($"{StrategyPath}.upgradePolicy", FieldLimits.UpgradePolicy, strategy.UpgradePolicy),
            new($"{StrategyPath}.installTimeoutSeconds", FieldLimits.InstallTimeoutSeconds, strategy.InstallTimeoutSeconds),
            new($"{StrategyPath}.trafficDrainSeconds", FieldLimits.TrafficDrainSeconds, strategy.TrafficDrainSeconds),
            new($"{StrategyPath}.serviceStrategy.type", FieldLimits.ServiceType, service?.Type),
            new($"{StrategyPath}.serviceStrategy.port", FieldLimits.Port, service?.Port),
            new($"{StrategyPath}.serviceStrategy.targetPort", FieldLimits.TargetPort,
                service?.TargetPort is { } port ? port.Name ?? (object)port.Number : null),
        ];
    }

    private static IEnumerable<(string Path, ModuleHook? Hook)> Hooks(ModuleHooks? hooks) =>
    [
        ("spec.hooks.preInstall", hooks?.PreInstall), ("spec.hooks.postInstall", hooks?.PostInstall),
        ("spec.hooks.preUninstall", hooks?.PreUninstall), ("spec.hooks.postUninstall", hooks?.PostUninstall),
    ];

    private static IEnumerable<RuledField> Fields(ModuleTemplateSpec template, string path) =>
    [
        .. Fields(template.Spec.Module, $"{path}.spec.module"),
        new($"{path}.metadata.labels", FieldLimits.Labels, template.Metadata.Labels),
        new($"{path}.metadata.annotations", FieldLimits.Annotations, template.Metadata.Annotations),
        new($"{path}.spec.upgradePolicy", FieldLimits.UpgradePolicy, template.Spec.UpgradePolicy),
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
        { Rule: FieldRule.Text { IsRequired: true }, Value: "" } => [new(field.Path, "is required") { Rule = field.Rule, Value = "" }],
        { Rule: FieldRule.Map rule, Value: IReadOnlyDictionary<string, string> map } => Breaches(field.Path, rule, map),
        _ when field.Rule.Allows(field.Value) => [],
        _ =>
        [
            new(field.Path, field.Rule.Must)
            {
                Rule = field.Rule,
                Value = field.Value,
                // A url may hold a password.
                IsValueShown = field.Rule != FieldLimits.Url,
                Instead = Nearest(field),
            },
        ],
    };

    private static string? Nearest(RuledField field) => field is { Rule: FieldRule.Number { IsClamped: true } rule, Value: int value }
        ? FormattableString.Invariant($"{rule.Nearest(value)} is used")
        : null;

    private static IEnumerable<RuleBreach> Breaches(string path, FieldRule.Map rule, IReadOnlyDictionary<string, string> map)
    {
        if (map.Count > rule.MaxEntries)
        {
            yield return new(path, FormattableString.Invariant($"must have at most {rule.MaxEntries} keys, not {map.Count}"))
            {
                Rule = rule,
                Value = map,
            };
        }

        foreach (var (key, value) in map.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            var at = $"{path}[{RuleBreach.Within(key)}]";
            if (!rule.OfKey.Allows(key)) yield return new(at, rule.OfKey.Must) { Rule = rule.OfKey, Value = key, Instead = LeftOut };
            else if (rule.OfValue?.Allows(value) == false)
                yield return new(at, rule.OfValue.Must) { Rule = rule.OfValue, Value = value, IsValueShown = true, Instead = LeftOut };
        }
    }

    /// <summary>What no rule of a single value says.</summary>
    private static IEnumerable<RuleBreach> Beside(ModuleTemplateSpec template, string path) =>
        [.. Urls(template.Spec.Module, $"{path}.spec.module"), .. Annotations(template.Metadata, path)];

    // What the pattern allows, and no client could fetch: http://[.
    private static IEnumerable<RuleBreach> Urls(ModuleSource source, string path) =>
        FieldLimits.Url.Allows(source.Url) && !Uri.TryCreate(source.Url, UriKind.Absolute, out _)
            ? [new($"{path}.url", FieldLimits.Url.Must) { Rule = FieldLimits.Url, Value = source.Url }]
            : [];

    private static IEnumerable<RuleBreach> Annotations(TemplateMeta template, string path) =>
        template.Annotations.Sum(entry => (long)Encoding.UTF8.GetByteCount(entry.Key) + Encoding.UTF8.GetByteCount(entry.Value))
            > FieldLimits.MaxAnnotations
            ?
            [
                new($"{path}.metadata.annotations", $"must be at most {FieldLimits.MaxAnnotations} bytes in all")
                {
                    Value = template.Annotations,
                },
            ]
            : [];

    private static IEnumerable<RuleBreach> Service(ServiceStrategy? service) =>
        service is { EnableModuleService: true, Port: null }
            ? [new($"{StrategyPath}.serviceStrategy.port", "must be set where the Service is enabled, from 1 to 65535")]
            : [];
}
