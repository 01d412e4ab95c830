using System.Text.RegularExpressions;

namespace ModuleController.Dev.ApiServer.Expressions;

/// <summary>
/// An expression of CEL, as the match conditions of webhooks have them. A value is null, a bool, long, double, string, JsonArray,
/// JsonObject or <see cref="Optional"/>.
/// </summary>
public abstract record Expression
{
    public sealed record Literal(object? Value) : Expression;

    public sealed record Variable(string Name) : Expression;

    /// <summary><c>of.field</c>, or <c>of.?field</c>.</summary>
    public sealed record Select(Expression Of, string Field, bool IsOptional) : Expression;

    /// <summary><c>of[key]</c>, or <c>of[?key]</c>.</summary>
    public sealed record Index(Expression Of, Expression Key, bool IsOptional) : Expression;

    public sealed record Has(Select Of) : Expression;

    public sealed record Not(Expression Inner) : Expression;

    public sealed record Both(Expression Left, Expression Right) : Expression;

    public sealed record Either(Expression Left, Expression Right) : Expression;

    public sealed record Conditional(Expression If, Expression Then, Expression Else) : Expression;

    /// <summary>A comparison or <c>+</c>.</summary>
    public sealed record Binary(string Operator, Expression Left, Expression Right) : Expression;

    public sealed record List(IReadOnlyList<Expression> Items) : Expression;

    public sealed record Call(string Function, IReadOnlyList<Expression> Arguments) : Expression;

    public sealed record Matches(Expression Of, Regex Pattern) : Expression;

    /// <summary><c>of.all(name, condition)</c> or <c>of.exists(name, condition)</c>, over items of a list or keys of a map.</summary>
    public sealed record Quantifier(bool IsAll, Expression Of, string Name, Expression Condition) : Expression;

    /// <exception cref="EvaluationException">The expression has no value here.</exception>
    public object? Evaluate(Scope scope) => this switch
    {
        Literal literal => literal.Value,
        Variable variable => scope[variable.Name],
        Select select => Values.Select(select.Of.Evaluate(scope), select.Field, select.IsOptional),
        Index index => Values.Index(index.Of.Evaluate(scope), index.Key.Evaluate(scope), index.IsOptional),
        Has has => Values.Has(has.Of.Of.Evaluate(scope), has.Of.Field),
        Not not => !Values.Flag(not.Inner.Evaluate(scope)),
        Both both => Logic(both.Left, both.Right, scope, decisive: false),
        Either either => Logic(either.Left, either.Right, scope, decisive: true),
        Conditional choice => (Values.Flag(choice.If.Evaluate(scope)) ? choice.Then : choice.Else).Evaluate(scope),
        Binary binary => Values.Apply(binary.Operator, binary.Left.Evaluate(scope), binary.Right.Evaluate(scope)),
        List list => new JsonArray([.. list.Items.Select(item => Values.ToJson(item.Evaluate(scope)))]),
        Call call => Values.Call(call.Function, [.. call.Arguments.Select(argument => argument.Evaluate(scope))]),
        Matches matches => matches.Pattern.IsMatch(Values.Text(matches.Of.Evaluate(scope))),
        Quantifier quantifier => Quantify(quantifier, scope),
        _ => throw new InvalidOperationException($"no value of {this}"),
    };

    /// <summary>As in CEL, an error on one side does not matter if the other side decides.</summary>
    private static bool Logic(Expression left, Expression right, Scope scope, bool decisive)
    {
        try
        {
            if (Values.Flag(left.Evaluate(scope)) == decisive) return decisive;
        }
        catch (EvaluationException)
        {
            if (Values.Flag(right.Evaluate(scope)) == decisive) return decisive;
            throw;
        }

        return Values.Flag(right.Evaluate(scope));
    }

    private static bool Quantify(Quantifier quantifier, Scope scope)
    {
        var problem = default(EvaluationException);
        foreach (var item in Values.Items(quantifier.Of.Evaluate(scope)))
        {
            try
            {
                var holds = Values.Flag(quantifier.Condition.Evaluate(scope.With(quantifier.Name, item)));
                if (holds != quantifier.IsAll) return holds;
            }
            catch (EvaluationException e)
            {
                problem ??= e;
            }
        }

        return problem is null ? quantifier.IsAll : throw problem;
    }
}

/// <summary>The variables of an expression.</summary>
public sealed record Scope(string Name, object? Value, Scope? Outer)
{
    public object? this[string name] => name == Name ? Value
        : Outer is null ? throw new EvaluationException($"no such attribute: {name}") : Outer[name];

    public Scope With(string name, object? value) => new(name, value, this);
}

/// <summary>A value that may be absent.</summary>
public sealed record Optional(bool HasValue, object? Value)
{
    public static readonly Optional None = new(false, null);
}

/// <summary>Why an expression has no value.</summary>
public sealed class EvaluationException(string message) : Exception(message);
