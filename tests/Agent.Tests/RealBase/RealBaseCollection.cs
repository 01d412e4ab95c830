namespace ModuleController.Agent.Tests;

/// <summary>Test classes of this collection run one after the other: each has a JVM that takes what a core can give.</summary>
[CollectionDefinition(Name)]
public sealed class RealBaseCollection
{
    public const string Name = "a real base";
}
