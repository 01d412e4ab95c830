using System.Globalization;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Modules.Facts;

/// <summary>Which revisions were available or completed, as their ReplicaSets record it.</summary>
public static class RevisionHistory
{
    /// <summary>The revision whose release completed last; null: none has.</summary>
    public static ReplicaSetWithModules? LastCompleted(IEnumerable<ReplicaSetWithModules> sets) => sets
        .Where(set => !set.ReplicaSet.Metadata.IsDeleting && CompletedAt(set) is not null)
        .MaxBy(set => (CompletedAt(set), set.Revision));

    public static DateTimeOffset? CompletedAt(ReplicaSetWithModules set) => Time(set, Annotations.CompletedAt);

    public static DateTimeOffset? FirstAvailableAt(ReplicaSetWithModules set) => Time(set, Annotations.FirstAvailableAt);

    private static DateTimeOffset? Time(ReplicaSetWithModules set, string annotation) => DateTimeOffset.TryParse(
        set.ReplicaSet.Metadata.Annotations.GetValueOrDefault(annotation), CultureInfo.InvariantCulture,
        DateTimeStyles.AssumeUniversal, out var time) ? time : null;
}
