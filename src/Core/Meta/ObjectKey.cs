namespace ModuleController.Core.Meta;

/// <summary>Names an object of a known kind; the namespace is empty for cluster-scoped ones.</summary>
public readonly record struct ObjectKey(string Namespace, string Name) : IComparable<ObjectKey>
{
    public static ObjectKey Of(ObjectMeta meta) => new(meta.Namespace ?? "", meta.Name);

    public int CompareTo(ObjectKey other) =>
        string.CompareOrdinal(Namespace, other.Namespace) is var byNamespace and not 0
            ? byNamespace
            : string.CompareOrdinal(Name, other.Name);

    public override string ToString() => string.IsNullOrEmpty(Namespace) ? Name : $"{Namespace}/{Name}";
}
