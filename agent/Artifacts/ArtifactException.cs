using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Artifacts;

/// <summary>Why a jar could not be fetched: reason, code and message of the command's result.</summary>
public sealed class ArtifactException(Reason reason, string code, string message, Exception? inner = null)
    : Exception(message, inner)
{
    public Reason Reason => reason;

    public string Code => code;

    /// <summary>A retry at once may help: the connection was cut, or the server was busy.</summary>
    public bool IsTransient { get; init; }

    /// <summary>How long the store asks to wait before the next request.</summary>
    public TimeSpan? RetryAfter { get; init; }
}
