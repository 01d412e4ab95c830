using System.Collections;
using System.Reflection;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using k8s.Models;

namespace ModuleController.Dev.ApiServer.Resources;

/// <summary>
/// Schemas of the built-in types, read off the models of the KubernetesClient package: they are generated from the API's
/// own description, so field names and types need not be written down here. List keys are not in them: <see cref="ListKeys"/>.
/// </summary>
public sealed partial class BuiltinSchemas
{
    private readonly Dictionary<Type, Schema> _schemas = [];

    public Schema Metadata => Of(typeof(V1ObjectMeta));

    public Schema Of(Type type)
    {
        if (_schemas.TryGetValue(type, out var known)) return known;
        var typeName = VersionPrefix().Replace(type.Name, "");
        var schema = _schemas[type] = new() { Name = $"io.k8s.api.{typeName}", Type = "object" };
        var (keys, defaults) = (ListKeys.Of(typeName), BuiltinDefaults.Of(typeName));
        foreach (var property in type.GetProperties())
        {
            if (property.GetCustomAttribute<JsonPropertyNameAttribute>()?.Name is not { } name) continue;
            var field = Field(property.PropertyType);
            if (keys.TryGetValue(name, out var key))
            {
                field.ListType = key == "set" ? "set" : "map";
                field.ListMapKeys = key == "set" ? [] : [key];
            }

            if (defaults[name] is { } value) field.Default = value;
            schema.Properties[name] = field;
        }

        return schema;
    }

    private Schema Field(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(string)) return new() { Type = "string" };
        if (type == typeof(bool)) return new() { Type = "boolean" };
        if (type == typeof(int)) return new() { Type = "integer", Format = "int32" };
        if (type == typeof(long)) return new() { Type = "integer", Format = "int64" };
        if (type == typeof(double)) return new() { Type = "number", Format = "double" };
        if (type == typeof(DateTime)) return new() { Type = "string", Format = "date-time" };
        if (type == typeof(byte[])) return new() { Type = "string", Format = "byte" };
        if (type == typeof(IntOrString)) return new() { IntOrString = true };
        if (type == typeof(ResourceQuantity))
            return new() { Pattern = Quantity(), PatternText = Quantity().ToString() };
        if (type == typeof(object)) return new() { PreserveUnknownFields = true };
        if (!typeof(IEnumerable).IsAssignableFrom(type)) return Of(type);
        return type.GetGenericArguments() is [_, var value]
            ? new() { Type = "object", AdditionalProperties = Field(value) }
            : new() { Type = "array", Items = Field(type.GetGenericArguments()[0]) };
    }

    [GeneratedRegex("^V[0-9]+(alpha[0-9]+|beta[0-9]+)?|^(Admissionregistration|Core|Authentication|Discovery|Rbac)v1")]
    private static partial Regex VersionPrefix();

    [GeneratedRegex("^[+-]?([0-9]+|[0-9]+\\.[0-9]*|\\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?\\z")]
    private static partial Regex Quantity();
}
