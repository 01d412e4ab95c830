using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using KeraLua;
using ModuleController.Core.Tests.Crds;

namespace ModuleController.Core.Tests.GitOps;

/// <summary>Runs the health checks of deploy/gitops as Argo CD does: the object is the global <c>obj</c>, the answer a table.</summary>
internal static class ArgoHealth
{
    public static (string? Status, string? Message) Of(string kind, JsonNode resource)
    {
        using var lua = new Lua();
        var failed = lua.DoString($"obj = {Literal(resource)}\n{Script(kind)}");
        Assert.False(failed, lua.ToString(-1));
        return (Field("status"), Field("message"));

        string? Field(string name)
        {
            lua.GetField(1, name);
            return lua.ToString(-1);
        }
    }

    private static string Script(string kind) =>
        (string)YamlDocuments.Read("deploy/gitops/argocd-cm.yaml")
            .Single()["data"]![$"resource.customizations.health.koupleless.io_{kind}"]!;

    private static string Literal(JsonNode? node) => node switch
    {
        null => "nil",
        JsonObject map => $"{{{string.Join(", ", map.Select(pair => $"[{Text(pair.Key)}] = {Literal(pair.Value)}"))}}}",
        JsonArray list => $"{{{string.Join(", ", list.Select(Literal))}}}",
        JsonValue value when value.TryGetValue(out string? text) => Text(text),
        _ => node.ToJsonString(),
    };

    private static string Text(string text) =>
        $"\"{string.Concat(Encoding.UTF8.GetBytes(text).Select(value => string.Create(CultureInfo.InvariantCulture, $"\\{value:d3}")))}\"";
}
