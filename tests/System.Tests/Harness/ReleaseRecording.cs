using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;

namespace ModuleController.SystemTests.Harness;

/// <summary>Every state of one ModuleDeployment's Modules, and what must have held in all of them.</summary>
internal sealed class ReleaseRecording : IAsyncDisposable
{
    private readonly string _name;
    private readonly Recording<Module> _modules;

    private ReleaseRecording(string name, Recording<Module> modules) => (_name, _modules) = (name, modules);

    public static async Task<ReleaseRecording> StartAsync(World world, string name) =>
        new(name, await Recording<Module>.StartAsync(world));

    /// <summary>The most live Modules of a version that there ever were at once.</summary>
    public Task<int> MostOfAsync(string version) => MostAsync(modules => modules.Count(module => module.Spec.Module.Version == version));

    /// <summary>The most pods at once that carried a Module.</summary>
    public Task<int> MostPodsAsync() => MostAsync(modules => modules.Select(module => module.Spec.PodUid).Distinct().Count());

    /// <summary>The fewest pods at once that had one Available.</summary>
    public async Task<int> LeastAvailableAsync() => -await MostAsync(modules =>
        -modules.Where(module => module.IsAvailable).Select(module => module.Spec.PodUid).Distinct().Count());

    public ValueTask DisposeAsync() => _modules.DisposeAsync();

    private async Task<int> MostAsync(Func<IReadOnlyList<Module>, int> count)
    {
        await _modules.CaughtUpAsync();
        return _modules.Moments.Max(moment => count([.. moment.Values.Where(module =>
            !module.Metadata.IsDeleting && module.Metadata.Labels.GetValueOrDefault(Labels.ModuleDeployment) == _name)]));
    }
}
