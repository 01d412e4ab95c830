using Google.Protobuf;
using Google.Rpc;
using Grpc.Core;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules.Names;

namespace ModuleController.ControlPlane.Control.Requests;

/// <summary>The fields that each request for a list has.</summary>
internal sealed record ListFields(string Parent, int PageSize, string PageToken, string LabelSelector, string OrderBy);

/// <summary>What to list: checked.</summary>
/// <param name="Namespace">Null: all.</param>
/// <param name="After">Null: from the beginning.</param>
/// <param name="Hash">Of what selects and orders the list.</param>
internal sealed record ListQuery(string? Namespace, LabelSelector Selector, ListOrder Order, int PageSize, Position? After, string Hash)
{
    public const int DefaultPageSize = 100;
    public const int MaxPageSize = 500;
    public const int MaxSelector = 1024;

    /// <summary>A page ends after so many bytes: clients take 4 MiB, and one object has at most 1.5.</summary>
    public const int MaxPageBytes = 2 * 1024 * 1024;

    /// <exception cref="RpcException">Names each field that is wrong.</exception>
    public static ListQuery Parse(ResourceKind kind, ListFields fields)
    {
        var violations = new List<BadRequest.Types.FieldViolation>();
        var parent = ResourceNames.ParseParent(fields.Parent);
        if (parent is null) Violate("parent", "must be namespaces/NAME, or namespaces/- for all");
        if (fields.PageSize < 0) Violate("page_size", "must not be negative");
        var order = ListOrder.Parse(fields.OrderBy);
        if (order is null) Violate("order_by", ListOrder.Expected);
        var error = $"must have at most {MaxSelector} characters";
        var selector = fields.LabelSelector.Length > MaxSelector ? null : SelectorText.Parse(fields.LabelSelector, out error);
        if (selector is null) Violate("label_selector", error);
        var hash = Hashes.Short($"{kind}\n{parent}\n{fields.LabelSelector}\n{order}");
        var token = fields.PageToken.Length == 0 ? null : PageToken.Parse(fields.PageToken);
        if (fields.PageToken.Length > 0 && token is null) Violate("page_token", "is not a next_page_token");
        // Of a list that is wrong itself, it can't be said.
        else if (token is not null && violations.Count == 0 && token.List != hash)
            Violate("page_token", "belongs to another list: parent, label_selector and order_by must be those of the page before");

        return violations.Count > 0
            ? throw Refusal.Invalid(violations)
            : new(
                parent == ResourceNames.Any ? null : parent, selector!, order!,
                fields.PageSize == 0 ? DefaultPageSize : Math.Min(fields.PageSize, MaxPageSize), token?.Last, hash);

        void Violate(string field, string why) => violations.Add(new() { Field = field, Description = why });
    }

    /// <summary>One page, and the token of the next one; empty: this is the last.</summary>
    /// <param name="isPermitted">Whether the caller may list this namespace.</param>
    public (IReadOnlyList<TMessage> Page, string Next) Of<T, TMessage>(
        IEnumerable<T> all, Func<string, bool> isPermitted, Func<T, TMessage> map)
        where T : class, IResource
        where TMessage : IMessage
    {
        var page = new List<TMessage>();
        var bytes = 0;
        Position? last = null;
        foreach (var (position, resource) in all
            .Where(resource => (Namespace is null || resource.Metadata.Namespace == Namespace)
                && isPermitted(resource.Metadata.Namespace ?? "") && Selector.Matches(resource.Metadata.Labels))
            .Select(resource => (Position: Position.Of(resource), Resource: resource))
            .Where(item => After is not { } after || Order.Compare(item.Position, after) > 0)
            .OrderBy(item => item.Position, Order))
        {
            if (page.Count == PageSize || bytes >= MaxPageBytes) return (page, new PageToken(Hash, last!.Value).ToString());
            var message = map(resource);
            page.Add(message);
            bytes += message.CalculateSize();
            last = position;
        }

        return (page, "");
    }
}
