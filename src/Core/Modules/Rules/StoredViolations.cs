namespace ModuleController.Core.Modules.Rules;

/// <summary>What was stored before a rule existed, as the API server accepts it in a new object. Only values that have an obvious
/// substitute are changed: see <see cref="RuleBreach.Instead"/>.</summary>
public static class StoredViolations
{
    public static ModuleTemplateSpec Corrected(ModuleTemplateSpec template)
    {
        var (labels, annotations) = (template.Metadata.Labels, template.Metadata.Annotations);
        return FieldLimits.Labels.Allows(labels) && FieldLimits.Annotations.Allows(annotations) ? template : template with
        {
            Metadata = template.Metadata with
            {
                Labels = Corrected(labels, FieldLimits.Labels),
                Annotations = Corrected(annotations, FieldLimits.Annotations),
            },
        };
    }

    public static OperationStrategy Corrected(OperationStrategy strategy) => strategy with
    {
        InstallTimeoutSeconds = Nearest(FieldLimits.InstallTimeoutSeconds, strategy.InstallTimeoutSeconds),
        TrafficDrainSeconds = Nearest(FieldLimits.TrafficDrainSeconds, strategy.TrafficDrainSeconds),
    };

    private static Dictionary<string, string> Corrected(IReadOnlyDictionary<string, string> map, FieldRule.Map rule) => map
        .Where(entry => rule.OfKey.Allows(entry.Key) && rule.OfValue?.Allows(entry.Value) != false).ToDictionary();

    private static int? Nearest(FieldRule.Number rule, int? value) => value is { } set ? rule.Nearest(set) : null;
}
