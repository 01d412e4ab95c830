using System.Text.RegularExpressions;

namespace ModuleController.Dev.ApiServer.Expressions;

/// <summary>
/// Parses CEL. Not known are arithmetic other than <c>+</c>, map literals, <c>map</c>, <c>filter</c>, <c>exists_one</c>, types, and all
/// functions but those of <see cref="Values"/>: an expression with them is refused, not ignored.
/// </summary>
public sealed partial class ExpressionParser
{
    private static readonly HashSet<string> Functions =
        ["size", "startsWith", "endsWith", "contains", "hasValue", "orValue"];

    private readonly string _text;
    private readonly string _at;
    private readonly List<Match> _tokens;
    private readonly Dictionary<string, IReadOnlySet<string>?> _variables;
    private int _next;

    private ExpressionParser(string text, string at, IReadOnlyDictionary<string, IReadOnlySet<string>?> variables)
    {
        (_text, _at, _variables) = (text, at, new(variables));
        _tokens = [.. Token().Matches(text).AsEnumerable()];
        if (Token().Replace(text, "").Any(letter => !char.IsWhiteSpace(letter))) throw Unsupported();
    }

    /// <param name="text">The expression.</param>
    /// <param name="at">The field that has it, for messages.</param>
    /// <param name="variables">The variables, each with its fields; null: it has any.</param>
    /// <exception cref="RuleException">The expression does not compile.</exception>
    /// <exception cref="StatusException">The expression needs more of CEL than this server has.</exception>
    public static Expression Parse(string text, string at, IReadOnlyDictionary<string, IReadOnlySet<string>?> variables)
    {
        var parser = new ExpressionParser(text, at, variables);
        var parsed = parser.Conditional();
        if (parser.Peek() is not null) throw parser.Unsupported();
        return TypeOf(parsed) is { } type ? throw new RuleException($"must evaluate to bool but got {type}") : parsed;
    }

    private Expression Conditional()
    {
        var condition = Either();
        if (!Accept("?")) return condition;
        var then = Either();
        Expect(":");
        return new Expression.Conditional(condition, then, Conditional());
    }

    private Expression Either()
    {
        var left = Both();
        while (Accept("||")) left = new Expression.Either(left, Both());
        return left;
    }

    private Expression Both()
    {
        var left = Comparison();
        while (Accept("&&")) left = new Expression.Both(left, Comparison());
        return left;
    }

    private Expression Comparison()
    {
        var left = Sum();
        while (Peek() is "==" or "!=" or "<" or "<=" or ">" or ">=" or "in")
            left = new Expression.Binary(_tokens[_next++].Value, left, Sum());
        return left;
    }

    private Expression Sum()
    {
        var left = Unary();
        while (Accept("+")) left = new Expression.Binary("+", left, Unary());
        return left;
    }

    private Expression Unary() => Accept("!") ? new Expression.Not(Unary()) : Member();

    private Expression Member()
    {
        var of = Primary();
        while (true)
        {
            if (Peek() is "[" or "[?")
            {
                var isOptional = _tokens[_next++].Value == "[?";
                of = new Expression.Index(of, Conditional(), isOptional);
                Expect("]");
                continue;
            }

            if (Peek() is not ("." or ".?")) return of;
            var dot = _tokens[_next++];
            var name = Identifier();
            of = Peek() == "(" ? MethodOf(of, name) : Select(of, name, dot);
        }
    }

    private Expression.Select Select(Expression of, string name, Match dot)
    {
        if (of is Expression.Variable { Name: var variable } && _variables[variable] is { } fields && !fields.Contains(name))
            throw Failed(dot.Index, $"undefined field '{name}'");
        return new(of, name, dot.Value == ".?");
    }

    private Expression MethodOf(Expression of, string name)
    {
        if (name is "all" or "exists") return Quantifier(of, name == "all");
        var arguments = Arguments();
        if (name != "matches") return new Expression.Call(Functions.Contains(name) ? name : throw Unsupported(), [of, .. arguments]);
        return arguments is [Expression.Literal { Value: string pattern }]
            ? new Expression.Matches(of, SchemaParser.Expression(pattern)) : throw Unsupported();
    }

    private Expression.Quantifier Quantifier(Expression of, bool isAll)
    {
        Expect("(");
        var variable = Identifier();
        Expect(",");
        if (!_variables.TryAdd(variable, null)) throw Unsupported();
        var condition = Conditional();
        _variables.Remove(variable);
        Expect(")");
        return new(isAll, of, variable, condition);
    }

    private Expression Primary()
    {
        if (_next >= _tokens.Count) throw Unsupported();
        var token = _tokens[_next++];
        switch (token.Value)
        {
            case "(":
                var inner = Conditional();
                Expect(")");
                return inner;
            case "[":
                return new Expression.List(ItemsUntil("]"));
            case "true" or "false":
                return new Expression.Literal(token.Value == "true");
            case "null":
                return new Expression.Literal(null);
            case "has":
                return Arguments() is [Expression.Select { IsOptional: false } select] ? new Expression.Has(select) : throw Unsupported();
            case "size":
                return new Expression.Call("size", Arguments());
            case "optional" when Accept("."):
                return Identifier() == "none" && Arguments() is [] ? new Expression.Call("optional.none", []) : throw Unsupported();
            default:
                return Constant(token) is { } constant ? constant : VariableAt(token);
        }
    }

    private static Expression.Literal? Constant(Match token)
    {
        var text = token.Value;
        if (text[0] is '\'' or '"') return new(Unescaped(text[1..^1]));
        if (text[0] == 'r' && text.Length > 1 && text[1] is '\'' or '"') return new(text[2..^1]);
        if (!char.IsAsciiDigit(text[0]) && text[0] != '-') return null;
        return new(Values.NumberOf(text));
    }

    private Expression.Variable VariableAt(Match token)
    {
        if (!char.IsLetter(token.Value[0]) || Peek() == "(" || token.Value is "authorizer") throw Unsupported();
        return _variables.ContainsKey(token.Value) ? new(token.Value)
            : throw Failed(token.Index, $"undeclared reference to '{token.Value}' (in container '')");
    }

    private List<Expression> Arguments()
    {
        Expect("(");
        return ItemsUntil(")");
    }

    private List<Expression> ItemsUntil(string end)
    {
        var items = new List<Expression>();
        while (!Accept(end))
        {
            if (items.Count > 0) Expect(",");
            items.Add(Conditional());
        }

        return items;
    }

    private string Identifier() =>
        Peek() is { } name && (char.IsLetter(name[0]) || name[0] == '_') && name is not ['r', '\'' or '"', ..]
            ? _tokens[_next++].Value : throw Unsupported();

    private void Expect(string token)
    {
        if (!Accept(token)) throw Unsupported();
    }

    private string? Peek() => _next < _tokens.Count ? _tokens[_next].Value : null;

    private bool Accept(string token)
    {
        if (Peek() != token) return false;
        _next++;
        return true;
    }

    private static string Unescaped(string text) => Escape().Replace(text, match => match.Value[1] switch
    {
        'n' => "\n",
        't' => "\t",
        'r' => "\r",
        var other => other.ToString(),
    });

    /// <summary>The type of what is certainly no condition; null: it may be one.</summary>
    private static string? TypeOf(Expression expression) => expression switch
    {
        Expression.Literal { Value: bool } => null,
        Expression.Literal literal => literal.Value switch { null => "null_type", long => "int", double => "double", _ => "string" },
        Expression.List => "list",
        Expression.Select { Of: Expression.Variable { Name: "request" }, Field: "dryRun" } => null,
        Expression.Variable or Expression.Select or Expression.Index => "dyn",
        _ => null,
    };

    /// <summary>The message of the real compiler, with the position.</summary>
    private RuleException Failed(int index, string why) =>
        new($"compilation failed: ERROR: <input>:1:{index + 1}: {why}\n | {_text}\n | {new string('.', index)}^");

    private StatusException Unsupported() => Statuses.NotImplemented($"the expression \"{_text}\" at {_at}");

    [GeneratedRegex(@"r?'(\\.|[^'\\])*'|r?""(\\.|[^""\\])*""|-?[0-9]+(\.[0-9]+)?|[A-Za-z_][A-Za-z0-9_]*"
        + @"|&&|\|\||[=!<>]=|\.\?|\[\?|[!().,?:<>+\[\]]")]
    private static partial Regex Token();

    [GeneratedRegex(@"\\[ntr'""\\]")]
    private static partial Regex Escape();
}
