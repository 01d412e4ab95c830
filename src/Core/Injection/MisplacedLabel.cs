using System.Text.Json.Nodes;
using ModuleController.Core.Builtin;

namespace ModuleController.Core.Injection;

/// <summary>The label that requests the agent, on a Deployment and not on its pod template: its pods do not have it.</summary>
public static class MisplacedLabel
{
    /// <summary>What is wrong, and the command that corrects it; null: nothing.</summary>
    /// <param name="name">Of the Deployment; null: it has none yet.</param>
    public static string? Find(JsonObject deployment, string ns, string? name)
    {
        var template = deployment.Child("spec")?.Child("template")?.Child("metadata")?.Child("labels");
        return deployment.Child("metadata")?.Child("labels")?.Text(InjectionKeys.Inject) == "true"
            && template?.ContainsKey(InjectionKeys.Inject) != true
                ? Text(ns, name ?? "NAME") : null;
    }

    /// <summary>The same of a Deployment that is read from a cache.</summary>
    public static string? Find(Deployment deployment) =>
        deployment.Metadata.Labels.GetValueOrDefault(InjectionKeys.Inject) == "true"
        && !deployment.Spec.Template.Metadata.Labels.ContainsKey(InjectionKeys.Inject)
            ? Text(deployment.Metadata.Namespace!, deployment.Metadata.Name) : null;

    /// <summary>The command that requests the agent for the pods of a Deployment.</summary>
    public static string Command(string ns, string name) =>
        $"kubectl -n {ns} patch deployment {name} -p "
        + $"'{{\"spec\":{{\"template\":{{\"metadata\":{{\"labels\":{{\"{InjectionKeys.Inject}\":\"true\"}}}}}}}}}}'";

    private static string Text(string ns, string name) =>
        $"label {InjectionKeys.Inject} has no effect on a Deployment, only on its pod template. Run: {Command(ns, name)}";
}
