namespace ModuleController.SystemTests.Harness;

/// <summary>
/// One world with a base of three pods for the tests of a class, which keep apart by the names of their modules. It spares each
/// test the start, and the seconds after a controller's start in which nothing may be uninstalled.
/// </summary>
public sealed class SharedWorld : IAsyncLifetime
{
    internal World World { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        World = await World.StartAsync();
        await World.BaseAsync("base", 3);
    }

    public async ValueTask DisposeAsync()
    {
        if (World is not null) await World.DisposeAsync();
    }
}
