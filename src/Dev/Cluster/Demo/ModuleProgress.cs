using System.Text.Json.Nodes;

namespace ModuleController.Dev.Cluster.Demo;

/// <summary>Prints each change of a Module since the last time.</summary>
internal sealed class ModuleProgress(DemoTerminal terminal)
{
    private Dictionary<string, JsonObject> _previous = [];

    public void Begin(IReadOnlyList<JsonObject> modules) => _previous = modules.ToDictionary(module => module.Name());

    public void Report(IReadOnlyList<JsonObject> modules)
    {
        foreach (var module in modules.OrderBy(module => module.PodOfModule(), StringComparer.Ordinal))
        {
            if (_previous.GetValueOrDefault(module.Name())?.ModuleStatus() != module.ModuleStatus()) Report(module);
        }

        foreach (var removed in _previous.Values.ExceptBy(modules.Select(module => module.Name()), module => module.Name()))
            terminal.Line($"{removed.ModuleIdentity()} removed", removed.PodOfModule());
        Begin(modules);
    }

    private void Report(JsonObject module)
    {
        var (status, pod) = (module.ModuleStatus(), module.PodOfModule());
        var text = $"{module.ModuleIdentity()} {status}";
        switch (status)
        {
            case "Pending":
                break;
            case "Available":
                terminal.Good(text, pod);
                break;
            case "Failed":
                terminal.Bad(text, $"{pod} {module["status"]?["lastError"]?["reason"]}");
                break;
            default:
                terminal.Line(text, pod);
                break;
        }
    }
}
