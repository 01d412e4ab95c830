using System.Text;
using System.Text.Json.Nodes;
using YamlDotNet.Serialization;

namespace ModuleController.SystemTests.Harness;

/// <summary>The CRDs of today, and those of before each field had its limit.</summary>
internal static class CrdFiles
{
    public static IReadOnlyList<JsonObject> Current => Read("deploy", "crds");

    public static IReadOnlyList<JsonObject> WithoutLimits => Read("tests", "fixtures", "crds", "without-limits");

    /// <summary>Gives the CRDs of a running server the specs of these.</summary>
    public static async Task ReplaceAsync(HttpClient server, IReadOnlyList<JsonObject> definitions)
    {
        foreach (var definition in definitions)
        {
            var patch = new JsonObject { ["spec"] = definition["spec"]!.DeepClone() };
            using var content = new StringContent(patch.ToJsonString(), Encoding.UTF8, "application/merge-patch+json");
            var path = $"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{definition["metadata"]!["name"]}";
            using var response = await server.PatchAsync(new Uri(path, UriKind.Relative), content, TestContext.Current.CancellationToken);
            Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        }
    }

    private static List<JsonObject> Read(params string[] folder)
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "ModuleController.sln"))) root = root.Parent!;
        return [.. Directory.EnumerateFiles(Path.Combine([root.FullName, .. folder]), "module*.yaml").Select(Parse)];
    }

    private static JsonObject Parse(string file)
    {
        var yaml = new DeserializerBuilder().WithAttemptingUnquotedStringTypeDeserialization().Build()
            .Deserialize<object>(File.ReadAllText(file));
        return JsonNode.Parse(new SerializerBuilder().JsonCompatible().Build().Serialize(yaml))!.AsObject();
    }
}
