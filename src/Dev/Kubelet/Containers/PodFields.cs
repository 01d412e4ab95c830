using System.Globalization;
using System.Text;
using ModuleController.Dev.Kubelet.Resources;

namespace ModuleController.Dev.Kubelet.Containers;

/// <summary>The downward API: fields of a pod as text.</summary>
internal static class PodFields
{
    /// <summary>The value of a <c>fieldPath</c>. Whole maps of labels and annotations are for volumes only.</summary>
    public static string Of(RunnerPod pod, PodIdentity identity, string path, bool isVolume = false) => path switch
    {
        "metadata.name" => identity.Name,
        "metadata.namespace" => identity.Namespace,
        "metadata.uid" => identity.Uid,
        "metadata.labels" when isVolume => Lines(pod.Metadata.Labels),
        "metadata.annotations" when isVolume => Lines(pod.Metadata.Annotations),
        "status.podIP" => identity.Ip,
        "status.hostIP" => identity.HostIp,
        "spec.nodeName" => pod.Spec.NodeName ?? "",
        "spec.serviceAccountName" => pod.Spec.ServiceAccountName ?? "default",
        _ when Entry(path, "metadata.labels") is { } key => pod.Metadata.Labels.GetValueOrDefault(key, ""),
        _ when Entry(path, "metadata.annotations") is { } key => pod.Metadata.Annotations.GetValueOrDefault(key, ""),
        _ => throw new NotSupportedException($"fieldPath \"{path}\" is not supported"),
    };

    private static string? Entry(string path, string map) =>
        path.StartsWith(map + "['", StringComparison.Ordinal) && path.EndsWith("']", StringComparison.Ordinal)
            ? path[(map.Length + 2)..^2] : null;

    /// <summary>A line <c>key="value"</c> for each entry, in the order of the keys; values are escaped as Go does.</summary>
    private static string Lines(IReadOnlyDictionary<string, string> entries) => string.Join(
        '\n', entries.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => $"{entry.Key}=\"{Escape(entry.Value)}\""));

    private static string Escape(string value)
    {
        var text = new StringBuilder(value.Length);
        foreach (var character in value) text.Append(Escape(character));
        return text.ToString();
    }

    private static string Escape(char character) => character switch
    {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        < ' ' or '\x7f' => string.Create(CultureInfo.InvariantCulture, $"\\x{(int)character:x2}"),
        _ => character.ToString(),
    };
}
