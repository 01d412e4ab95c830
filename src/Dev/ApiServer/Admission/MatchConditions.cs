using ModuleController.Dev.ApiServer.Expressions;

namespace ModuleController.Dev.ApiServer.Admission;

/// <summary>The match conditions of a webhook: it is called if all are true.</summary>
internal sealed class MatchConditions
{
    private static readonly Dictionary<string, IReadOnlySet<string>?> Variables = new()
    {
        ["object"] = null,
        ["oldObject"] = null,
        ["request"] = new HashSet<string>
        {
            "kind", "resource", "subResource", "requestKind", "requestResource", "requestSubResource", "name", "namespace", "operation",
            "userInfo", "dryRun", "options",
        },
    };

    private readonly (string Text, Expression Expression)[] _conditions;

    public MatchConditions(JsonObject webhook) =>
        _conditions = [.. webhook.Objects("matchConditions")
            .Select(one => (one.Text("expression") ?? "", Compile(one.Text("expression") ?? "", "matchConditions")))];

    /// <exception cref="RuleException">The expression does not compile.</exception>
    public static Expression Compile(string expression, string at) => ExpressionParser.Parse(expression, at, Variables);

    /// <summary>Whether all conditions are true, or the problems. One that is false decides, whatever is wrong with the others.</summary>
    public (bool IsMatch, IReadOnlyList<string> Problems) Evaluate(AdmissionAttributes attributes, JsonObject? tree)
    {
        if (_conditions is []) return (true, []);
        var request = attributes.ToRequest("");
        request.Remove("uid");
        var scope = new Scope("object", tree, new("oldObject", attributes.OldObject, new("request", request, null)));
        var problems = new List<string>();
        foreach (var (text, expression) in _conditions)
        {
            try
            {
                if (expression.Evaluate(scope) is not true) return (false, []);
            }
            catch (EvaluationException e)
            {
                problems.Add($"expression '{text}' resulted in error: {e.Message}");
            }
        }

        return (problems is [], problems);
    }
}
