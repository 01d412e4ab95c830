using ModuleController.Core.Agents;
using ModuleController.Core.Builtin;
using ModuleController.Core.Execution;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules.Names;

namespace ModuleController.Core.Injection;

/// <summary>The Events about the injection into the pods of a workload. What several pods report is one Event.</summary>
public static class InjectionReport
{
    private const int MaxText = 700;

    /// <summary>Of a Deployment and its running pods.</summary>
    /// <param name="isNamed">A ModuleDeployment names it as its base.</param>
    /// <param name="exclusion">Why the webhook does not inject into pods of this namespace; null: it does.</param>
    public static IReadOnlyList<PlannedEvent> Of(Deployment deployment, bool isNamed, IEnumerable<Pod> pods, string? exclusion)
    {
        var (ns, name, template) = (deployment.Metadata.Namespace!, deployment.Metadata.Name, deployment.Spec.Template.Metadata.Labels);
        List<Pod> found = [.. pods];
        var events = OfPods(found).ToList();
        if (MisplacedLabel.Find(deployment) is { } misplaced) events.Add(Warning(Reasons.MisplacedLabel, $"The {misplaced}"));
        var isRequested = template.GetValueOrDefault(InjectionKeys.Inject) == "true";
        // Pods from before the label was added are replaced by the rolling update that it began.
        if ((isNamed || isRequested) && found.Any(pod => LacksAgentSilently(pod) && (!isRequested || Requests(pod))))
        {
            events.Add(Warning(Reasons.AgentMissing, "Pods of this base have no agent and get no modules" + (
                exclusion is not null ? $": {exclusion}"
                : isRequested ? $". Run: kubectl -n {ns} rollout restart deployment {name}"
                : $". Run: {MisplacedLabel.Command(ns, name)}")));
        }

        return events;
    }

    /// <summary>What the webhook wrote into pods, whatever they belong to.</summary>
    public static IEnumerable<PlannedEvent> OfPods(IEnumerable<Pod> pods) =>
        pods.Select(InjectionStatus.Problem).OfType<InjectionStatus>().Distinct().Select(problem => problem.IsInjected
            ? Warning(Reasons.InjectionWarning, $"The agent was injected: {OperatorText.Within(MaxText, problem.Text)}")
            : Warning(Reasons.AgentNotInjected, $"Pods do not get the agent: {OperatorText.Within(MaxText, problem.Text)}"));

    private static bool Requests(Pod pod) => pod.Metadata.Labels.GetValueOrDefault(InjectionKeys.Inject) == "true";

    private static bool LacksAgentSilently(Pod pod) => !BaseContainers.HasAgent(pod) && InjectionStatus.Problem(pod) is null;

    private static PlannedEvent Warning(string reason, string message) => new(reason, message, IsWarning: true) { Time = EventTime.Begins };
}
