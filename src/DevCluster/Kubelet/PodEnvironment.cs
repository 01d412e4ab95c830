namespace ModuleController.DevCluster.Kubelet;

/// <summary>What a container of a pod is started with: variables, downward API, and directories in place of volumes.</summary>
internal static class PodEnvironment
{
    /// <summary>A pod's own free port, for programs that bind all interfaces and can't share one number.</summary>
    public const string PodPort = "DEVCLUSTER_POD_PORT";

    public static ContainerStart Of(RunnerPod pod, Container container, PodIdentity identity, int port, string directory)
    {
        var environment = new Dictionary<string, string>
        {
            ["DEVCLUSTER_POD_IP"] = identity.Ip,
            [PodPort] = port.ToString(System.Globalization.CultureInfo.InvariantCulture),
        };
        var mounts = container.VolumeMounts.OrderByDescending(mount => mount.MountPath.Length).ToList();
        foreach (var variable in container.Env)
        {
            var value = variable.ValueFrom?.FieldRef is { } field
                ? Field(pod, identity, field.FieldPath)
                : Variables.Expand(variable.Value ?? "", environment);
            environment[variable.Name] = InDirectory(value);
        }

        return new(identity, container.Name, container.Image, Expand(container.Command), Expand(container.Args), environment, new());

        IReadOnlyList<string> Expand(IReadOnlyList<string> texts) =>
            [.. texts.Select(text => InDirectory(Variables.Expand(text, environment)))];

        // A process sees this machine's files, so a path below a mount becomes one below the pod's own directory.
        string InDirectory(string text)
        {
            foreach (var mount in mounts)
            {
                if (text.Contains(mount.MountPath, StringComparison.Ordinal))
                {
                    return text.Replace(mount.MountPath, VolumeDirectory(directory, mount.Name), StringComparison.Ordinal);
                }
            }

            return text;
        }
    }

    public static string VolumeDirectory(string directory, string volume) => Path.Combine(directory, "volumes", volume);

    private static string Field(RunnerPod pod, PodIdentity identity, string path) => path switch
    {
        "metadata.name" => identity.Name,
        "metadata.namespace" => identity.Namespace,
        "metadata.uid" => identity.Uid,
        "status.podIP" => identity.Ip,
        "status.hostIP" => "127.0.0.1",
        "spec.nodeName" => pod.Spec.NodeName ?? "",
        "spec.serviceAccountName" => pod.Spec.ServiceAccountName ?? "default",
        _ when Entry(path, "metadata.labels") is { } key => pod.Metadata.Labels.GetValueOrDefault(key, ""),
        _ when Entry(path, "metadata.annotations") is { } key => pod.Metadata.Annotations.GetValueOrDefault(key, ""),
        _ => throw new InvalidOperationException($"fieldPath \"{path}\" is not supported"),
    };

    private static string? Entry(string path, string map) =>
        path.StartsWith(map + "['", StringComparison.Ordinal) && path.EndsWith("']", StringComparison.Ordinal)
            ? path[(map.Length + 2)..^2] : null;
}
