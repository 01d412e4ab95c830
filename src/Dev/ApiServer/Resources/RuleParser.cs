using System.Text.RegularExpressions;

namespace ModuleController.Dev.ApiServer.Resources;

/// <summary>Parses a CEL rule and checks its fields against its schema.</summary>
public sealed partial class RuleParser
{
    private readonly string _text;
    private readonly string _at;
    private readonly Schema _schema;
    private readonly List<Match> _tokens;
    private int _next;

    /// <summary>The name of the key inside <c>all</c>, where <c>self</c> is not read.</summary>
    private string? _key;

    private RuleParser(string text, Schema schema, string at)
    {
        (_text, _schema, _at) = (text, schema, at);
        _tokens = [.. Token().Matches(text).AsEnumerable()];
        if (Token().Replace(text, "").Any(letter => !char.IsWhiteSpace(letter))) throw Unsupported();
    }

    public static RuleExpression Parse(string text, Schema schema, string at)
    {
        var parser = new RuleParser(text, schema, at);
        var rule = parser.Either();
        if (parser.Peek() is not null) throw parser.Unsupported();
        return rule is RuleExpression.Field field && parser.TypeOf(field) != "boolean"
            ? throw new RuleException("cel expression must evaluate to a bool") : rule;
    }

    private RuleExpression Either()
    {
        var left = Both();
        while (Accept("||")) left = new RuleExpression.Either(left, Both());
        return left;
    }

    private RuleExpression Both()
    {
        var left = Equal();
        while (Accept("&&")) left = new RuleExpression.Both(left, Equal());
        return left;
    }

    private RuleExpression Equal()
    {
        var left = Unary();
        if (!Accept("==")) return left;
        var right = Unary();
        return left is RuleExpression.Field == right is RuleExpression.Field
            ? new RuleExpression.Equal(left, right) : throw Unsupported();
    }

    private RuleExpression Unary()
    {
        if (Accept("!")) return new RuleExpression.Not(Unary());
        if (Accept("("))
        {
            var inner = Either();
            Close();
            return inner;
        }

        if (Accept("size")) return SizeAtMost();
        if (Accept("type")) return IsInteger();
        if (Peek() != "has") return FieldOrCall();
        _next++;
        var at = _next < _tokens.Count ? _tokens[_next].Index : 0;
        if (!Accept("(")) throw Unsupported();
        var field = Field(at);
        Close();
        return field.Path is [] ? throw Unsupported() : new RuleExpression.Has(field);
    }

    private RuleExpression FieldOrCall()
    {
        var field = Field(atOfError: null);
        if (!Accept(".")) return field;
        var isMatches = Accept("matches");
        if (!isMatches && !Accept("all")) throw Unsupported();
        Expect("(");
        RuleExpression call = isMatches ? Matches(field) : All(field);
        Close();
        return call;
    }

    private RuleExpression.Matches Matches(RuleExpression.Field text)
    {
        Require(IsText(text));
        return Peek() is ['r', '\'', ..] ? new(text, SchemaParser.Expression(_tokens[_next++].Value[2..^1])) : throw Unsupported();
    }

    private RuleExpression.All All(RuleExpression.Field map)
    {
        Require(_key is null && SchemaOf(map).AdditionalProperties is not null && Peek() is { } name && char.IsLetter(name[0]));
        _key = _tokens[_next++].Value;
        Expect(",");
        var condition = Either();
        _key = null;
        return new(map, condition);
    }

    private RuleExpression.SizeAtMost SizeAtMost()
    {
        Expect("(");
        var isInBytes = Accept("bytes");
        if (isInBytes) Expect("(");
        var text = Field(atOfError: null);
        Require(IsText(text));
        if (isInBytes) Close();
        Close();
        Expect("<=");
        return long.TryParse(Peek(), out var limit) && _next++ >= 0 ? new(text, isInBytes, limit) : throw Unsupported();
    }

    private RuleExpression.IsInteger IsInteger()
    {
        Expect("(");
        var value = Field(atOfError: null);
        Close();
        Expect("==");
        Expect("int");
        return SchemaOf(value).IntOrString ? new(value) : throw Unsupported();
    }

    private bool IsText(RuleExpression.Field field) => field.Root == _key || SchemaOf(field) is { Type: "string" } or { IntOrString: true };

    private RuleExpression.Field Field(int? atOfError)
    {
        if (_key is null ? Peek() is not ("self" or "oldSelf") : Peek() != _key) throw Unsupported();
        var (root, path) = (_tokens[_next++].Value, new List<string>());
        var schema = _schema;
        while (Peek() == "." && (_next + 1 >= _tokens.Count || _tokens[_next + 1].Value is not ("matches" or "all")) && Accept("."))
        {
            var dot = _tokens[_next - 1].Index;
            if (Peek() is not { } name || !char.IsLetter(name[0])) throw Unsupported();
            _next++;
            schema = schema.Properties.GetValueOrDefault(name)
                ?? throw Failed(atOfError ?? dot, $"undefined field '{name}'");
            path.Add(name);
        }

        return new(root, path);
    }

    private string? TypeOf(RuleExpression.Field field) => SchemaOf(field).Type;

    private Schema SchemaOf(RuleExpression.Field field) => field.Path.Aggregate(_schema, (schema, name) => schema.Properties[name]);

    private void Require(bool isSupported)
    {
        if (!isSupported) throw Unsupported();
    }

    private void Expect(string token) => Require(Accept(token));

    private void Close()
    {
        if (Accept(")")) return;
        throw Peek() is null ? Failed(_text.Length, "Syntax error: missing ')' at '<EOF>'") : Unsupported();
    }

    private string? Peek() => _next < _tokens.Count ? _tokens[_next].Value : null;

    private bool Accept(string token)
    {
        if (Peek() != token) return false;
        _next++;
        return true;
    }

    /// <summary>The message of the real compiler, with the position.</summary>
    private RuleException Failed(int index, string why) =>
        new($"compilation failed: ERROR: <input>:1:{index + 1}: {why}\n | {_text}\n | {new string('.', index)}^");

    private StatusException Unsupported() => Statuses.NotImplemented($"the validation rule \"{_text}\" at {_at}");

    [GeneratedRegex(@"r'[^']*'|[0-9]+|<=|,|[A-Za-z_][A-Za-z0-9_]*|&&|\|\||==|[!().]")]
    private static partial Regex Token();
}
