using System.Globalization;
using System.Text.RegularExpressions;
using ModuleController.Dev.Kubelet.Resources;

namespace ModuleController.Dev.Kubelet.Containers;

/// <summary>Builds what a container is started with: variables, downward API, and directories in place of volumes.</summary>
internal static class PodEnvironment
{
    /// <summary>A free port of the pod, for programs that bind all interfaces.</summary>
    public const string PodPort = "DEVCLUSTER_POD_PORT";

    public static ContainerStart Of(RunnerPod pod, Container container, PodPlace place, ContainerLog log)
    {
        var identity = place.Identity;
        var environment = new Dictionary<string, string>
        {
            ["DEVCLUSTER_POD_IP"] = identity.Ip,
            [PodPort] = place.Port.ToString(CultureInfo.InvariantCulture),
        };
        if (container.EnvFrom is [_, ..]) throw new NotSupportedException("envFrom is not supported");
        foreach (var mount in container.VolumeMounts.Where(mount => IsCopied(pod, mount))) Copy(container, mount, place);
        var inDirectory = Mounts(pod, container, place);
        foreach (var variable in container.Env) environment[variable.Name] = inDirectory(ValueOf(pod, identity, variable, environment));
        return new(identity, container.Name, container.Image, Expand(container.Command), Expand(container.Args), environment, log);

        IReadOnlyList<string> Expand(IReadOnlyList<string> texts) =>
            [.. texts.Select(text => inDirectory(Variables.Expand(text, environment)))];
    }

    /// <summary>The container with its directories in the commands of its probes.</summary>
    public static Container WithMountedProbes(RunnerPod pod, Container container, PodPlace place)
    {
        var inDirectory = Mounts(pod, container, place);
        return container with
        {
            StartupProbe = Mounted(container.StartupProbe),
            ReadinessProbe = Mounted(container.ReadinessProbe),
            LivenessProbe = Mounted(container.LivenessProbe),
        };

        Probe? Mounted(Probe? probe) => probe?.Exec?.Command is { } command
            ? probe with { Exec = new([.. command.Select(inDirectory)]) } : probe;
    }

    private static string ValueOf(RunnerPod pod, PodIdentity identity, EnvVar variable, Dictionary<string, string> environment)
    {
        return variable switch
        {
            { ValueFrom: null } => Variables.Expand(variable.Value ?? "", environment),
            { ValueFrom.FieldRef: { } field } => PodFields.Of(pod, identity, field.FieldPath),
            _ => throw new NotSupportedException($"env \"{variable.Name}\": of valueFrom only fieldRef is supported"),
        };
    }

    /// <summary>
    /// A process sees this machine's files, so a path at or below a mount becomes one below the pod's own directory:
    /// <c>/data/x</c> and <c>-Ddir=/data</c>, not <c>http://host/data</c>.
    /// </summary>
    private static Func<string, string> Mounts(RunnerPod pod, Container container, PodPlace place)
    {
        if (container.VolumeMounts is []) return text => text;
        var directories = container.VolumeMounts.ToDictionary(
            mount => mount.MountPath.TrimEnd('/'), mount => IsCopied(pod, mount) ? place.OfSubPath(container.Name, mount)
                : Path.Combine(place.OfVolume(mount.Name), mount.SubPath ?? ""));
        var paths = string.Join('|', directories.Keys.OrderByDescending(path => path.Length).Select(Regex.Escape));
        var pattern = new Regex($@"(?<=^|[=:,\s])({paths})(?=$|[/:,\s])");
        return text => pattern.Replace(text, match => directories[match.Value]);
    }

    /// <summary>As on a real node, a part of a volume (subPath) stays as it was when the container started.</summary>
    private static bool IsCopied(RunnerPod pod, VolumeMount mount) =>
        mount.SubPath is { Length: > 0 } && pod.Spec.Volumes.FirstOrDefault(volume => volume.Name == mount.Name) is { EmptyDir: null };

    private static void Copy(Container container, VolumeMount mount, PodPlace place)
    {
        var (source, target) = (Path.Combine(place.OfVolume(mount.Name), mount.SubPath!), place.OfSubPath(container.Name, mount));
        if (File.Exists(target)) File.Delete(target);
        if (Directory.Exists(target)) Directory.Delete(target, recursive: true);
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        if (File.Exists(source)) File.Copy(source, target);
        if (!Directory.Exists(source)) return;
        foreach (var file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(target, Path.GetRelativePath(source, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }
}
