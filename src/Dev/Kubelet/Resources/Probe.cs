using System.Text.Json;

namespace ModuleController.Dev.Kubelet.Resources;

/// <summary>A probe; periods in seconds with Kubernetes' defaults.</summary>
public sealed record Probe
{
    public HttpGet? HttpGet { get; init; }

    public TcpSocket? TcpSocket { get; init; }

    public ExecAction? Exec { get; init; }

    public int? InitialDelaySeconds { get; init; }

    public int? PeriodSeconds { get; init; }

    public int? TimeoutSeconds { get; init; }

    public int? FailureThreshold { get; init; }

    public int? SuccessThreshold { get; init; }
}

/// <summary>The port is a number or the name of a container port.</summary>
public sealed record HttpGet(JsonElement Port, string? Path = null, string? Host = null);

public sealed record TcpSocket(JsonElement Port, string? Host = null);

public sealed record ExecAction(IReadOnlyList<string>? Command = null);
