using System.Text.RegularExpressions;

namespace ModuleController.DevApiServer.Resources;

/// <summary>Reads a CEL rule, and checks its fields against the schema that it belongs to.</summary>
public sealed partial class RuleParser
{
    private readonly string _text;
    private readonly string _at;
    private readonly Schema _schema;
    private readonly List<Match> _tokens;
    private int _next;

    private RuleParser(string text, Schema schema, string at)
    {
        (_text, _schema, _at) = (text, schema, at);
        _tokens = [.. Token().Matches(text).AsEnumerable()];
        if (_tokens.Sum(token => token.Length) != text.Count(letter => !char.IsWhiteSpace(letter))) throw Unsupported();
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

        if (Peek() != "has") return Field(atOfError: null);
        _next++;
        var at = _next < _tokens.Count ? _tokens[_next].Index : 0;
        if (!Accept("(")) throw Unsupported();
        var field = Field(at);
        Close();
        return field.Path is [] ? throw Unsupported() : new RuleExpression.Has(field);
    }

    private RuleExpression.Field Field(int? atOfError)
    {
        if (Peek() is not ("self" or "oldSelf")) throw Unsupported();
        var (root, path) = (_tokens[_next++].Value, new List<string>());
        var schema = _schema;
        while (Accept("."))
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

    private string? TypeOf(RuleExpression.Field field) =>
        field.Path.Aggregate(_schema, (schema, name) => schema.Properties[name]).Type;

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

    /// <summary>The message of the real compiler, which points at the place.</summary>
    private RuleException Failed(int index, string why) =>
        new($"compilation failed: ERROR: <input>:1:{index + 1}: {why}\n | {_text}\n | {new string('.', index)}^");

    private StatusException Unsupported() => Statuses.NotImplemented($"the validation rule \"{_text}\" at {_at}");

    [GeneratedRegex(@"[A-Za-z_][A-Za-z0-9_]*|&&|\|\||==|[!().]")]
    private static partial Regex Token();
}
