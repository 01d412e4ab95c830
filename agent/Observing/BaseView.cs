using System.Collections.Immutable;
using ModuleController.Agent.Arklet;
using BaseState = ModuleController.Protocol.V1.BaseState;

namespace ModuleController.Agent.Observing;

/// <summary>One life of the JVM: the id that commands name, and when it began.</summary>
public sealed record KnownLife(string Id, DateTimeOffset StartedAt);

/// <summary>What is known of the base now. A list of modules is only ever of the life that stands beside it.</summary>
public sealed record BaseView
{
    public static readonly BaseView Unknown = new();

    public BaseState State { get; init; } = BaseState.Down;

    public KnownLife? Life { get; init; }

    /// <summary>When the modules were read; null: never in this life.</summary>
    public DateTimeOffset? ObservedAt { get; init; }

    public ImmutableArray<ArkletBiz> Modules { get; init; } = [];

    public JvmFigures? Jvm { get; init; }

    /// <summary>Since when Arklet answers without a pause, a timestamp of the TimeProvider.</summary>
    public long AnsweringSince { get; init; }

    public bool ModulesKnown => ObservedAt is not null;

    public ArkletBiz? Find(string name, string version) =>
        Modules.FirstOrDefault(module => module.Name == name && module.Version == version);

    /// <summary>Whether somebody should be told: figures and times alone are no news.</summary>
    public bool DiffersFrom(BaseView other) =>
        State != other.State || Life != other.Life || ModulesKnown != other.ModulesKnown
        || !Modules.ToHashSet().SetEquals(other.Modules);
}
