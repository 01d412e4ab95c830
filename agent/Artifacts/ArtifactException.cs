using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Artifacts;

/// <summary>Why a jar could not be had: the reason and code that the command is answered with, the message for a person.</summary>
public sealed class ArtifactException(Reason reason, string code, string message, Exception? inner = null)
    : Exception(message, inner)
{
    public Reason Reason => reason;

    public string Code => code;

    /// <summary>Whether trying again at once may help: the connection was cut, the server was busy.</summary>
    public bool IsTransient { get; init; }

    /// <summary>The store asked not to be asked again for so long.</summary>
    public TimeSpan? RetryAfter { get; init; }
}
