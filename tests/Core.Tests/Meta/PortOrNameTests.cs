using System.Text.Json;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;

namespace ModuleController.Core.Tests.Meta;

public class PortOrNameTests
{
    /// <summary>Version 1 wrote the zero into every object, and took names as a Service does.</summary>
    [Theory]
    [InlineData("0", 0, null)]
    [InlineData("8080", 8080, null)]
    [InlineData("\"http\"", 0, "http")]
    public void A_target_port_is_a_number_or_a_name_and_written_as_it_was_read(string json, int number, string? name)
    {
        var manifest = """{"spec":{"operationStrategy":{"serviceStrategy":{"targetPort":PORT}}}}""".Replace("PORT", json, StringComparison.Ordinal);

        var deployment = JsonSerializer.Deserialize(manifest, ModulesJson.Default.ModuleDeployment)!;

        Assert.Equal(new PortOrName(number, name), deployment.Spec.OperationStrategy.ServiceStrategy?.TargetPort);
        Assert.Contains($"\"targetPort\":{json}", JsonSerializer.Serialize(deployment, ModulesJson.Default.ModuleDeployment),
            StringComparison.Ordinal);
    }
}
