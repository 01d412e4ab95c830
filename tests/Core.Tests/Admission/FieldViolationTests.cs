using ModuleController.Core.Admission;
using ModuleController.Core.Modules.Rules;

namespace ModuleController.Core.Tests.Admission;

/// <summary>The words of the API server for a value that breaks a schema.</summary>
public class FieldViolationTests
{
    public static TheoryData<RuleBreach, string, string> Breaches => new()
    {
        { new("spec.x", "is required") { Rule = FieldLimits.Url, Value = "" }, "FieldValueRequired", "Required value" },
        { new("spec.x", "must be set"), "FieldValueRequired", "Required value: must be set" },
        {
            new("spec.x", "must be at least 0") { Rule = FieldLimits.NotNegative, Value = -1, IsValueShown = true },
            "FieldValueInvalid", "Invalid value: -1: must be at least 0"
        },
        {
            new("spec.x", "must be short") { Rule = FieldLimits.Md5, Value = new string('a', 65), IsValueShown = true },
            "FieldValueInvalid", $"Invalid value: \"{new string('a', 63)}…\": must be short"
        },
        { new("spec.x", "must be a URL") { Rule = FieldLimits.Url, Value = "secret" }, "FieldValueInvalid", "Invalid value: must be a URL" },
        {
            new("spec.x", FieldLimits.HookFailurePolicy.Must) { Rule = FieldLimits.HookFailurePolicy, Value = "No", IsValueShown = true },
            "FieldValueNotSupported", "Unsupported value: \"No\": supported values: \"Fail\", \"Ignore\""
        },
        {
            new("spec.x", "must have fewer") { Rule = FieldLimits.Labels, Value = new Dictionary<string, string> { ["a"] = "" } },
            "FieldValueTooMany", "Too many: 1: must have fewer"
        },
        {
            new("spec.x", "must be less") { Value = new Dictionary<string, string> { ["a"] = "" } },
            "FieldValueTooLong", "Too long: must be less"
        },
    };

    [Theory]
    [MemberData(nameof(Breaches), DisableDiscoveryEnumeration = true)]
    public void A_breach_is_reported_in_the_words_of_the_API_server(RuleBreach breach, string reason, string message)
    {
        var violation = FieldViolation.Of(breach);

        Assert.Equal(new("spec.x", reason, message), violation);
        Assert.Equal($"spec.x: {message}", violation.ToString());
    }
}
