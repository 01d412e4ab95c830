namespace ModuleController.SystemTests.Harness;

/// <summary>
/// One world for the tests of a class, which keep apart by the names of their modules. It spares each test the start.
/// </summary>
public class WorldWithoutBase : IAsyncLifetime
{
    internal World World { get; private protected set; } = null!;

    public virtual async ValueTask InitializeAsync() => World = await World.StartAsync(Configure);

    /// <summary>Before the start.</summary>
    internal virtual void Configure(World world)
    {
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (World is not null) await World.DisposeAsync();
    }
}

/// <summary>The same, with a base of three pods.</summary>
public sealed class SharedWorld : WorldWithoutBase
{
    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        await World.BaseAsync("base", 3);
    }
}

/// <summary>The same, with a base of four pods.</summary>
public sealed class WorldOfFour : WorldWithoutBase
{
    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        await World.BaseAsync("base", 4);
    }
}
