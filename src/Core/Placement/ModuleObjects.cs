using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Modules.Rules;

namespace ModuleController.Core.Placement;

/// <summary>The Modules that the steps of a plan write.</summary>
public static class ModuleObjects
{
    public static Module Created(PlacementStep.Create create)
    {
        var (replicaSet, pod, template) = (create.ReplicaSet, create.Pod, StoredViolations.Corrected(create.ReplicaSet.Spec.Template));
        return new()
        {
            Metadata = new()
            {
                Name = create.Name,
                Namespace = replicaSet.Metadata.Namespace,
                Labels = LabelsOf(create, template),
                Annotations = template.Metadata.Annotations,
                Finalizers = [FinalizerNames.Module],
                OwnerReferences = [OwnerOf(replicaSet)],
            },
            Spec = new()
            {
                Module = template.Spec.Module,
                PodName = pod?.Name,
                PodUid = pod?.Uid,
                Replaces = create.Replaces?.Metadata.Uid,
            },
        };
    }

    public static Module Adopted(PlacementStep.Adopt adopt)
    {
        var (meta, replicaSet) = (adopt.Module.Metadata, adopt.ReplicaSet);
        var labels = new Dictionary<string, string>(meta.Labels) { [Labels.ModuleReplicaSet] = LabelValues.Of(replicaSet.Metadata.Name) };
        if (replicaSet.Metadata.Labels.TryGetValue(Labels.Revision, out var revision)) labels[Labels.Revision] = revision;
        return adopt.Module with
        {
            Metadata = meta with { Labels = labels, OwnerReferences = [.. meta.OwnerReferences, OwnerOf(replicaSet)] },
        };
    }

    private static OwnerReference OwnerOf(ModuleReplicaSet replicaSet) => new(
        ModuleReplicaSet.Kind.ApiVersion, ModuleReplicaSet.Kind.Kind, replicaSet.Metadata.Name, replicaSet.Metadata.Uid!, true, true);

    /// <summary>The labels that name the pod; they come with the place.</summary>
    public static IEnumerable<KeyValuePair<string, string>> LabelsOf(CandidatePod pod)
    {
        yield return new(Labels.BaseInstanceName, LabelValues.Of(pod.Name));
        if (AddressLabel(pod.Ip) is { } address) yield return new(Labels.BaseInstanceIp, address);
    }

    /// <summary>An IPv6 address is no label value: expanded, and with - for the colons.</summary>
    private static string? AddressLabel(string? ip)
    {
        if (!IPAddress.TryParse(ip, out var address)) return null;
        if (address.AddressFamily != AddressFamily.InterNetworkV6) return address.ToString();
        var bytes = address.GetAddressBytes();
        return string.Join('-', bytes.Chunk(2).Select(pair => ((pair[0] << 8) | pair[1]).ToString("x4", CultureInfo.InvariantCulture)));
    }

    private static Dictionary<string, string> LabelsOf(PlacementStep.Create create, ModuleTemplateSpec template)
    {
        var (deployment, replicaSet) = (create.Deployment, create.ReplicaSet);
        var labels = new Dictionary<string, string>(ChildLabels.OfParent(deployment.Metadata.Labels));
        foreach (var (key, value) in ChildLabels.OfTemplate(template.Metadata.Labels)) labels[key] = value;
        foreach (var key in (ReadOnlySpan<string>)
            [
                Labels.DeploymentName, Labels.ModuleDeployment, Labels.ModuleName, Labels.ModuleVersion, Labels.Revision,
                Labels.SchedulingStrategy,
            ])
            if (replicaSet.Metadata.Labels.TryGetValue(key, out var value))
                labels[key] = value;
        labels[Labels.ModuleReplicaSet] = LabelValues.Of(replicaSet.Metadata.Name);
        if (create.Pod is { } pod)
            foreach (var (key, value) in LabelsOf(pod))
                labels[key] = value;
        return labels;
    }
}
