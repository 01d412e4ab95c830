using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace ModuleController.Core.Meta;

/// <summary>A number (<c>3</c>), or a percentage (<c>"25%"</c>) of another number.</summary>
[JsonConverter(typeof(IntOrPercentConverter))]
public readonly record struct IntOrPercent(int Value, bool IsPercent)
{
    /// <summary>10 modules, 25 %: 2.</summary>
    public int OfRoundedDown(int total) => IsPercent ? (int)((long)Value * total / 100) : Value;

    public override string ToString() => IsPercent ? $"{Value}%" : Value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>Reads and writes <see cref="IntOrPercent"/> as Kubernetes' IntOrString.</summary>
public sealed class IntOrPercentConverter : JsonConverter<IntOrPercent>
{
    public override IntOrPercent Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.Number) return new(reader.GetInt32(), false);
        var text = reader.GetString() ?? "";
        var isPercent = text.EndsWith('%');
        return int.TryParse(isPercent ? text[..^1] : text, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? new(value, isPercent)
            : throw new JsonException($"'{text}' is neither a number nor a percentage");
    }

    public override void Write(Utf8JsonWriter writer, IntOrPercent value, JsonSerializerOptions options)
    {
        if (value.IsPercent) writer.WriteStringValue(value.ToString());
        else writer.WriteNumberValue(value.Value);
    }
}
