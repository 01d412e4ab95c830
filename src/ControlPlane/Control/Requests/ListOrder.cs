using ModuleController.Core.Meta;

namespace ModuleController.ControlPlane.Control.Requests;

/// <summary>Where an object is in a list.</summary>
internal readonly record struct Position(DateTimeOffset Created, ObjectKey Key)
{
    public static Position Of(IResource resource) =>
        new(resource.Metadata.CreationTimestamp ?? DateTimeOffset.MinValue, ObjectKey.Of(resource.Metadata));
}

/// <summary>In which order a list is; no two objects have the same place.</summary>
internal sealed record ListOrder(bool IsByTime, bool IsDescending) : IComparer<Position>
{
    public const string Expected = "must be name or create_time, which desc may follow";

    /// <summary>Null: it is not an order.</summary>
    public static ListOrder? Parse(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries) switch
    {
        [] or ["name"] => new(IsByTime: false, IsDescending: false),
        ["name", "desc"] => new(IsByTime: false, IsDescending: true),
        ["create_time"] => new(IsByTime: true, IsDescending: false),
        ["create_time", "desc"] => new(IsByTime: true, IsDescending: true),
        _ => null,
    };

    public int Compare(Position x, Position y)
    {
        var byTime = IsByTime ? x.Created.CompareTo(y.Created) : 0;
        var order = byTime != 0 ? byTime : x.Key.CompareTo(y.Key);
        return IsDescending ? -order : order;
    }
}
