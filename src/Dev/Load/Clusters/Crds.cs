using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using ModuleController.Core.Meta;
using ModuleController.Kube.Client;
using YamlDotNet.Serialization;

namespace ModuleController.Dev.Load.Clusters;

/// <summary>The repository's CRDs, embedded in this program.</summary>
public static class Crds
{
    /// <summary>Creates those that the API server lacks. Existing ones stay unchanged.</summary>
    /// <returns>The names of the created ones.</returns>
    public static async Task<IReadOnlyList<string>> ApplyAsync(IKubeClient client, CancellationToken cancellation)
    {
        var created = new List<string>();
        var assembly = Assembly.GetExecutingAssembly();
        foreach (var name in assembly.GetManifestResourceNames().Where(name => name.EndsWith(".yaml", StringComparison.Ordinal)))
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
            var definition = Parse(await reader.ReadToEndAsync(cancellation));
            if (await client.FindAsync<CustomResourceDefinition>(ObjectKey.Of(definition.Metadata), cancellation) is not null) continue;
            try
            {
                await client.CreateAsync(definition, "load", cancellation);
                created.Add(definition.Metadata.Name);
            }
            catch (KubeException exception) when (exception.IsAlreadyExists)
            {
                // Created by another run.
            }
        }

        return created;
    }

    private static CustomResourceDefinition Parse(string yaml)
    {
        var tree = new DeserializerBuilder().WithAttemptingUnquotedStringTypeDeserialization().Build().Deserialize<object>(yaml);
        return Convert(tree).Deserialize(LoadJson.Default.CustomResourceDefinition)!;
    }

    private static JsonNode? Convert(object? value) => value switch
    {
        null => null,
        IDictionary<object, object> map => new JsonObject(map.Select(pair => KeyValuePair.Create((string)pair.Key, Convert(pair.Value)))),
        IList<object> list => new JsonArray([.. list.Select(Convert)]),
        _ => JsonSerializer.SerializeToNode(value),
    };
}
