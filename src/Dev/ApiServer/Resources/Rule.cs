using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace ModuleController.Dev.ApiServer.Resources;

/// <summary>
/// A CEL rule of a schema. It supports <c>self</c>, <c>oldSelf</c>, fields, <c>has()</c>, <c>==</c>, <c>!</c>, <c>&amp;&amp;</c>,
/// <c>||</c> and parentheses. For strings it supports <c>matches(r'…')</c>, <c>size(text) &lt;= 63</c> and
/// <c>size(bytes(text)) &lt;= 63</c>, for maps <c>map.all(key, …)</c>, and <c>type(value) == int</c>. A rule with anything else is
/// refused.
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
    /// <param name="Root"><c>self</c>, <c>oldSelf</c> or, in an <see cref="All"/>, the name of the key, which is its self.</param>
    public sealed record Field(string Root, IReadOnlyList<string> Path) : RuleExpression
    {
        public JsonNode? Read(JsonNode self, JsonNode? oldSelf) => (Root == "oldSelf" ? oldSelf : self).At([.. Path]);
    }

    public sealed record Matches(Field Of, Regex Pattern) : RuleExpression;

    public sealed record SizeAtMost(Field Of, bool InBytes, long Limit) : RuleExpression;

    public sealed record IsInteger(Field Of) : RuleExpression;

    /// <summary>The condition holds for each key of a map.</summary>
    public sealed record All(Field Of, RuleExpression Condition) : RuleExpression;

    public sealed record Has(Field Of) : RuleExpression;

    public sealed record Not(RuleExpression Inner) : RuleExpression;

    public sealed record Equal(RuleExpression Left, RuleExpression Right) : RuleExpression;

    public sealed record Both(RuleExpression Left, RuleExpression Right) : RuleExpression;

    public sealed record Either(RuleExpression Left, RuleExpression Right) : RuleExpression;

    public bool? Evaluate(JsonNode self, JsonNode? oldSelf) => this switch
    {
        Field field => field.Read(self, oldSelf) is JsonValue value && value.TryGetValue<bool>(out var flag) ? flag : null,
        Has has => has.Of.Read(self, oldSelf) is not null,
        Matches matches => matches.Of.Read(self, oldSelf).Text() is { } text ? matches.Pattern.IsMatch(text) : null,
        SizeAtMost size => size.Of.Read(self, oldSelf).Text() is { } text
            ? (size.InBytes ? Encoding.UTF8.GetByteCount(text) : text.EnumerateRunes().Count()) <= size.Limit : null,
        IsInteger integer => integer.Of.Read(self, oldSelf) is { } value ? value.GetValueKind() == JsonValueKind.Number : null,
        All all => all.Of.Read(self, oldSelf)?.AsObject().All(field => all.Condition.Evaluate(JsonValue.Create(field.Key), null) == true),
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
        Matches matches => [matches.Of],
        SizeAtMost size => [size.Of],
        IsInteger integer => [integer.Of],
        All all => [all.Of],
        Not not => not.Inner.Fields(),
        Equal equal => equal.Left.Fields().Concat(equal.Right.Fields()),
        Both both => both.Left.Fields().Concat(both.Right.Fields()),
        Either either => either.Left.Fields().Concat(either.Right.Fields()),
        _ => [],
    };
}
