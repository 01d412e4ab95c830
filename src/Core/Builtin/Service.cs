using System.Collections.ObjectModel;
using ModuleController.Core.Meta;

namespace ModuleController.Core.Builtin;

/// <summary>A service, as far as we write it.</summary>
public sealed record Service : IResource
{
    public static ResourceKind Kind { get; } = new("", "v1", "Service", "services");

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public ServiceSpec Spec { get; init => field = value ?? new(); } = new();
}

public sealed record ServiceSpec
{
    public string? Type { get; init; }

    public IReadOnlyDictionary<string, string> Selector { get; init => field = value ?? ReadOnlyDictionary<string, string>.Empty; } =
        ReadOnlyDictionary<string, string>.Empty;

    public IReadOnlyList<ServicePort> Ports { get; init => field = value ?? []; } = [];
}

public sealed record ServicePort
{
    public string? Name { get; init; }

    public string? Protocol { get; init; }

    public int Port { get; init; }

    public int? NodePort { get; init; }

    public PortOrName? TargetPort { get; init; }
}

/// <summary>The endpoints of a Service.</summary>
public sealed record EndpointSlice : IResource
{
    public static ResourceKind Kind { get; } = new("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices");

    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();

    public string? AddressType { get; init; }

    public IReadOnlyList<Endpoint> Endpoints { get; init => field = value ?? []; } = [];

    public IReadOnlyList<EndpointPort> Ports { get; init => field = value ?? []; } = [];
}

public sealed record Endpoint
{
    public IReadOnlyList<string> Addresses { get; init => field = value ?? []; } = [];

    public EndpointConditions? Conditions { get; init; }

    public ObjectReference? TargetRef { get; init; }

    public string? NodeName { get; init; }
}

public sealed record EndpointConditions(bool? Ready = null, bool? Serving = null, bool? Terminating = null);

public sealed record EndpointPort(string? Name = null, int? Port = null, string? Protocol = null);

/// <summary>Names an object of any kind.</summary>
public sealed record ObjectReference
{
    public string? ApiVersion { get; init; }

    public string? Kind { get; init; }

    public string? Namespace { get; init; }

    public string? Name { get; init; }

    public string? Uid { get; init; }

    public string? ResourceVersion { get; init; }
}
