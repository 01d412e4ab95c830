namespace ModuleController.DevApiServer.Resources;

/// <summary>
/// A CEL rule of a schema. Of CEL there are <c>self</c>, <c>oldSelf</c>, fields, <c>has()</c>, <c>==</c>, <c>!</c>,
/// <c>&amp;&amp;</c>, <c>||</c> and parentheses; a rule with anything else is refused.
/// </summary>
public sealed class Rule
{
    private readonly RuleExpression _condition;

    private Rule(string text, string? message, RuleExpression condition) =>
        (Text, Message, _condition) = (text, message ?? $"failed rule: {text}", condition);

    public string Text { get; }

    /// <summary>The message of the Status when the rule is broken.</summary>
    public string Message { get; }

    /// <summary>A rule about a change: it is evaluated only where the value existed before.</summary>
    public bool ComparesWithOld => _condition.Uses("oldSelf");

    /// <exception cref="RuleException">The rule does not compile.</exception>
    /// <exception cref="StatusException">The rule needs more of CEL than this server has.</exception>
    public static Rule Parse(string text, string? message, Schema schema, string path) =>
        new(text, message, RuleParser.Parse(text, schema, path));

    /// <summary>
    /// What is wrong with a value; null: nothing. As in CEL, <c>||</c> and <c>&amp;&amp;</c> hide an error that does not matter.
    /// </summary>
    public string? Check(JsonNode self, JsonNode? oldSelf) => _condition.Evaluate(self, oldSelf) switch
    {
        true => null,
        false => Message,
        null => $"no such key: {_condition.MissingField(self, oldSelf)} evaluating rule: {Message}",
    };
}

/// <summary>Why a rule does not compile.</summary>
public sealed class RuleException(string message) : Exception(message);

/// <summary>A part of a rule. Its value is null where a field that it reads is absent.</summary>
public abstract record RuleExpression
{
    public sealed record Field(string Root, IReadOnlyList<string> Path) : RuleExpression
    {
        public JsonNode? Read(JsonNode self, JsonNode? oldSelf) => (Root == "self" ? self : oldSelf).At([.. Path]);
    }

    public sealed record Has(Field Of) : RuleExpression;

    public sealed record Not(RuleExpression Inner) : RuleExpression;

    public sealed record Equal(RuleExpression Left, RuleExpression Right) : RuleExpression;

    public sealed record Both(RuleExpression Left, RuleExpression Right) : RuleExpression;

    public sealed record Either(RuleExpression Left, RuleExpression Right) : RuleExpression;

    public bool? Evaluate(JsonNode self, JsonNode? oldSelf) => this switch
    {
        Field field => field.Read(self, oldSelf) is JsonValue value && value.TryGetValue<bool>(out var flag) ? flag : null,
        Has has => has.Of.Read(self, oldSelf) is not null,
        Not not => !not.Inner.Evaluate(self, oldSelf),
        Equal(Field left, Field right) => left.Read(self, oldSelf) is { } one && right.Read(self, oldSelf) is { } other
            ? JsonNode.DeepEquals(one, other) : null,
        Equal equal => equal.Left.Evaluate(self, oldSelf) is { } one && equal.Right.Evaluate(self, oldSelf) is { } other
            ? one == other : null,
        Both both => both.Left.Evaluate(self, oldSelf) & both.Right.Evaluate(self, oldSelf),
        Either either => either.Left.Evaluate(self, oldSelf) | either.Right.Evaluate(self, oldSelf),
        _ => throw new InvalidOperationException($"no value of {this}"),
    };

    public bool Uses(string root) => Fields().Any(field => field.Root == root);

    /// <summary>The first field that is absent.</summary>
    public string MissingField(JsonNode self, JsonNode? oldSelf) =>
        Fields().First(field => field.Read(self, oldSelf) is null).Path is [.., var last] ? last : "";

    private IEnumerable<Field> Fields() => this switch
    {
        Field field => [field],
        Has has => [has.Of],
        Not not => not.Inner.Fields(),
        Equal equal => equal.Left.Fields().Concat(equal.Right.Fields()),
        Both both => both.Left.Fields().Concat(both.Right.Fields()),
        Either either => either.Left.Fields().Concat(either.Right.Fields()),
        _ => [],
    };
}
