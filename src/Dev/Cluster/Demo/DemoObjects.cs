using System.Text.Json.Nodes;

namespace ModuleController.Dev.Cluster.Demo;

/// <summary>Fields of the objects that the demo shows.</summary>
internal static class DemoObjects
{
    public static string Name(this JsonObject resource) => resource["metadata"]!["name"]!.GetValue<string>();

    public static string? Label(this JsonObject resource, string name) => resource["metadata"]!["labels"]?[name]?.GetValue<string>();

    public static bool IsTrue(this JsonObject resource, string condition) => (resource["status"]?["conditions"]?.AsArray() ?? [])
        .Any(one => one!["type"]!.GetValue<string>() == condition && one["status"]!.GetValue<string>() == "True");

    public static string PodIp(this JsonObject pod) => pod["status"]?["podIP"]?.GetValue<string>() ?? "-";

    public static int RestartsOfBase(this JsonObject pod) => pod["status"]?["containerStatuses"]?[0]?["restartCount"]?.GetValue<int>() ?? 0;

    public static string PodOfModule(this JsonObject module) => module["spec"]?["podName"]?.GetValue<string>() ?? "-";

    public static string ModuleVersion(this JsonObject module) => module["spec"]!["module"]!["version"]!.GetValue<string>();

    public static string ModuleIdentity(this JsonObject module) => $"{module["spec"]!["module"]!["name"]} {module.ModuleVersion()}";

    public static string ModuleStatus(this JsonObject module) => module["metadata"]!["deletionTimestamp"] is not null
        ? "Terminating" : module["status"]?["status"]?.GetValue<string>() ?? "Pending";
}
