namespace ModuleController.SystemTests.Harness;

/// <summary>One world for all tests of releases, one after the other: a freeze of everything meets no other test.</summary>
[CollectionDefinition(nameof(ReleaseWorld))]
public sealed class ReleaseWorld : ICollectionFixture<WorldOfFour>;
