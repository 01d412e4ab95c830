using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace ModuleController.Core.Meta;

/// <summary>A port by its number (<c>8080</c>) or by the name that the container gives it (<c>http</c>).</summary>
[JsonConverter(typeof(PortOrNameConverter))]
public readonly record struct PortOrName(int Number, string? Name = null)
{
    public override string ToString() => Name ?? Number.ToString(CultureInfo.InvariantCulture);
}

/// <summary>Reads and writes <see cref="PortOrName"/> as Kubernetes' IntOrString.</summary>
public sealed class PortOrNameConverter : JsonConverter<PortOrName>
{
    public override PortOrName Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.Number ? new(reader.GetInt32()) : new(0, reader.GetString());

    public override void Write(Utf8JsonWriter writer, PortOrName value, JsonSerializerOptions options)
    {
        if (value.Name is { } name) writer.WriteStringValue(name);
        else writer.WriteNumberValue(value.Number);
    }
}
