using System.Text.Json.Nodes;
using ModuleController.Core.Meta;

namespace ModuleController.Core.Injection;

/// <summary>A pod after the injection.</summary>
/// <param name="Pod">A changed copy, or the pod itself if nothing changed.</param>
/// <param name="IsInjected">The pod has the agent.</param>
/// <param name="Problems">What could not be done, or will not work with this pod.</param>
public sealed record InjectionResult(JsonObject Pod, bool IsInjected, IReadOnlyList<string> Problems)
{
    /// <summary>In characters. Other annotations need room, too: all of an object together have at most 256 KiB.</summary>
    private const int MaxLength = 4096;

    /// <summary>The value of the annotation <see cref="InjectionKeys.Status"/>.</summary>
    internal string Status
    {
        get
        {
            var outcome = IsInjected ? InjectionStatus.Injected : InjectionStatus.NotInjected;
            return OperatorText.Within(MaxLength, Problems.Count == 0 ? outcome : $"{outcome}: {string.Join("; ", Problems)}");
        }
    }
}
