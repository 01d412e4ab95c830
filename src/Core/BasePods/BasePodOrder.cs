using ModuleController.Core.Commands;
using ModuleController.Core.Execution;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.BasePods;

/// <summary>The order in which the plan of a base pod is carried out, and what of it fails on its own.</summary>
/// <remarks>
/// The labels, the gate, and each Module are units. A command is sent only if the unit of its Module has not failed, and of an
/// orphan only when the API server has confirmed that its Module does not exist.
/// Labels are written in one patch, and after a rejection in one patch each: a policy may deny the label of one module alone.
/// </remarks>
public static class BasePodOrder
{
    public const string Gate = "gate";
    private const string AllLabels = "labels";
    private const string OneLabel = "label/";

    /// <summary>A label is on the pod before a status is Available. A failure is in the status before the next attempt.</summary>
    /// <param name="areLabelsFailing">Whether a unit of labels failed the last time.</param>
    public static IReadOnlyList<IReadOnlyList<PlannedStep<BasePodStep>>> Of(BasePodState state, BasePodPlan plan, bool areLabelsFailing)
    {
        var isOneByOne = areLabelsFailing || plan.Labels.Count == 1;
        var modules = state.Modules.ToDictionary(module => module.Module.Metadata.Uid ?? "");
        return
        [
            [.. LabelSteps()],
            [.. plan.Statuses.Select(change => About(change.Module, new BasePodStep.WriteStatus(change.Module, change.Status)) with
            {
                Requires = TrafficLabelOf(plan, change) is { } label ? [UnitOfLabel(label)] : [],
            })],
            plan.Gate is { } gate ? [new(Gate, new BasePodStep.SetGate(gate))] : [],
            [.. plan.Finalizers.Select(removal => About(removal.Module, new BasePodStep.RemoveFinalizers(removal)))],
            plan.DeletesPod ? [new("pod", new BasePodStep.DeletePod())] : [],
            plan.Command is { } command && IsOfOrphan(state, command)
                ? [new(UnitOf(command), new BasePodStep.ConfirmOrphan(command.ModuleUid))]
                : [],
        ];

        IEnumerable<PlannedStep<BasePodStep>> LabelSteps() => plan.Labels.GroupBy(label => UnitOfLabel(label.Key))
            .Select(unit => new PlannedStep<BasePodStep>(unit.Key, new BasePodStep.SetLabels(unit.ToDictionary()))
            {
                For = LabelledFor(state, unit.Select(label => label.Key).ToHashSet()),
            });

        string UnitOfLabel(string label) => isOneByOne ? OneLabel + label : AllLabels;

        PlannedStep<BasePodStep> About(Module module, BasePodStep step) => new(UnitOf(module), step)
        {
            For = modules.GetValueOrDefault(module.Metadata.Uid ?? "")?.Deployment is { } deployment ? [deployment] : [],
            Content = PlanUnits.ContentOf(module),
        };
    }

    public static string UnitOf(Module module) => PlanUnits.Of(module);

    public static bool IsOfLabels(string unit) => unit == AllLabels || unit.StartsWith(OneLabel, StringComparison.Ordinal);

    /// <summary>
    /// The first command that may be sent when the plan was carried out: of a Module whose own writes have not failed, or of an orphan
    /// that the API server confirmed to be one.
    /// </summary>
    public static ModuleCommand? Next(BasePodState state, BasePodPlan plan, IReadOnlySet<string> failed)
    {
        var unwritten = plan.Statuses.Select(change => change.Module).Where(module => failed.Contains(UnitOf(module)))
            .Select(module => module.Metadata.Uid).ToHashSet();
        return plan.Commands.FirstOrDefault(command => IsOfOrphan(state, command)
            ? command == plan.Command && !failed.Contains(UnitOf(command))
            : !unwritten.Contains(command.ModuleUid));
    }

    private static bool IsOfOrphan(BasePodState state, ModuleCommand command) =>
        !state.Modules.Any(module => module.Module.Metadata.Uid == command.ModuleUid);

    private static string UnitOf(ModuleCommand ofOrphan) => $"orphan/{ofOrphan.ModuleUid}";

    /// <summary>The label that must be on the pod before this status is written; null: none.</summary>
    private static string? TrafficLabelOf(BasePodPlan plan, ModuleStatusChange change)
    {
        var label = Labels.Traffic(change.Module.Spec.Module.Name);
        return change.Status.Status == ModulePhase.Available && plan.Labels.GetValueOrDefault(label) is not null ? label : null;
    }

    private static IReadOnlyList<ObjectKey> LabelledFor(BasePodState state, HashSet<string> labels) =>
    [
        .. state.Modules.Where(module => labels.Contains(Labels.Traffic(module.Module.Spec.Module.Name)))
            .Select(module => module.Deployment).OfType<ObjectKey>().Distinct(),
    ];
}
