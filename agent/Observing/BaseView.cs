using System.Collections.Immutable;
using ModuleController.Agent.Arklet;
using BaseState = ModuleController.Protocol.V1.BaseState;

namespace ModuleController.Agent.Observing;

/// <summary>One base life: the id that commands name, and its start.</summary>
public sealed record KnownLife(string Id, DateTimeOffset StartedAt);

/// <summary>The observed state of the base. The list of modules was read in the base life of the same view.</summary>
public sealed record BaseView
{
    public static readonly BaseView Unknown = new();

    public BaseState State { get; init; } = BaseState.Down;

    public KnownLife? Life { get; init; }

    /// <summary>When the modules were read; null: not yet in this base life.</summary>
    public DateTimeOffset? ObservedAt { get; init; }

    public ImmutableArray<ArkletBiz> Modules { get; init; } = [];

    public JvmFigures? Jvm { get; init; }

    /// <summary>Since when Arklet answers every query, a timestamp of the TimeProvider; 0: it does not.</summary>
    public long AnsweringSince { get; init; }

    public bool ModulesKnown => ObservedAt is not null;

    public ArkletBiz? Find(string name, string version) =>
        Modules.FirstOrDefault(module => module.Name == name && module.Version == version);

    /// <summary>Whether the difference is to be reported. Figures and times alone are not.</summary>
    public bool DiffersFrom(BaseView other) =>
        State != other.State || Life != other.Life || ModulesKnown != other.ModulesKnown
        || !Modules.ToHashSet().SetEquals(other.Modules);
}
