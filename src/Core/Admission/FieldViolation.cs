using ModuleController.Core.Modules.Rules;

namespace ModuleController.Core.Admission;

/// <summary>A breach in Kubernetes' words, as the API server reports those of a schema.</summary>
/// <param name="Reason">The reason of a cause in a Status, such as <c>FieldValueInvalid</c>.</param>
/// <param name="Message">Without the field: <c>Invalid value: "abc": must be 32 hexadecimal digits, or empty</c>.</param>
public sealed record FieldViolation(string Field, string Reason, string Message)
{
    public static FieldViolation Of(RuleBreach breach) => breach switch
    {
        { Value: null } => Of(breach, "FieldValueRequired", $"Required value: {breach.Must}"),
        { Value: "", Rule: FieldRule.Text { IsRequired: true } } => Of(breach, "FieldValueRequired", "Required value"),
        { Rule: FieldRule.Choice choice, Value: string text } => Of(
            breach, "FieldValueNotSupported", $"Unsupported value: {Quoted(text)}: supported values: {Supported(choice)}"),
        { Rule: FieldRule.Map, Value: IReadOnlyDictionary<string, string> map } =>
            Of(breach, "FieldValueTooMany", FormattableString.Invariant($"Too many: {map.Count}: {breach.Must}")),
        { Value: IReadOnlyDictionary<string, string> } => Of(breach, "FieldValueTooLong", $"Too long: {breach.Must}"),
        { IsValueShown: true, Value: var value } => Of(breach, "FieldValueInvalid", $"Invalid value: {Shown(value)}: {breach.Must}"),
        _ => Of(breach, "FieldValueInvalid", $"Invalid value: {breach.Must}"),
    };

    public override string ToString() => $"{Field}: {Message}";

    private static FieldViolation Of(RuleBreach breach, string reason, string message) => new(breach.Field, reason, message);

    private static string Supported(FieldRule.Choice choice) =>
        string.Join(", ", choice.Values.Where(value => value.Length > 0).Select(value => $"\"{value}\""));

    private static string Shown(object value) => value is string text ? Quoted(text) : FormattableString.Invariant($"{value}");

    private static string Quoted(string text) => $"\"{RuleBreach.Within(text)}\"";
}
