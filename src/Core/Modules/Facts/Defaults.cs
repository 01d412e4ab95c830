using ModuleController.Core.Meta;
using ModuleController.Core.Modules.Rules;

namespace ModuleController.Core.Modules.Facts;

/// <summary>What holds where a field is unset. The schema has no defaults, since "unset" means something in some of them.</summary>
public static class Defaults
{
    public static TimeSpan ProgressDeadlineDefault { get; } = TimeSpan.FromSeconds(600);

    extension(ModuleDeployment deployment)
    {
        public TimeSpan MinReady => TimeSpan.FromSeconds(deployment.Spec.MinReadySeconds ?? 0);

        public int RevisionHistoryLimit => deployment.Spec.RevisionHistoryLimit ?? 10;

        public TimeSpan ProgressDeadline =>
            deployment.Spec.ProgressDeadlineSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : ProgressDeadlineDefault;

        public bool IsPaused => deployment.Spec.Paused ?? false;

        public int Priority => deployment.Spec.Priority ?? 0;

        /// <summary>One on every base pod, also where <c>replicas</c> was left out and is not filled in yet.</summary>
        public bool IsSymmetric =>
            deployment.Spec.IsSymmetric || deployment.Spec.Replicas is null && deployment.Status.ObservedReplicas == -1;

        /// <summary>Counts for the base's readiness gate.</summary>
        public bool IsRequired => deployment.Spec.Required ?? deployment.IsSymmetric;

        public int BatchCount => Math.Max(1, deployment.Strategy.BatchCount ?? 1);

        public bool UsesBeta => deployment.Strategy.UseBeta ?? false;

        public bool NeedsConfirmation => deployment.Strategy.NeedConfirm ?? false;

        public TimeSpan GrayTime => TimeSpan.FromSeconds(deployment.Strategy.GrayTimeBetweenBatchSeconds ?? 0);

        /// <summary>0 is no limit.</summary>
        public int MaxFailures => deployment.Strategy.MaxFailures ?? 0;

        /// <summary>The user allows modules to be unavailable. Neither 0 % does, nor the 0 that v1 stored where nobody had set
        /// it.</summary>
        public bool HasMaxUnavailable => deployment.Strategy.MaxUnavailable is { Value: > 0 };

        /// <summary>At most what agents take, whatever was stored before there was a limit.</summary>
        public TimeSpan InstallTimeout => Within(FieldLimits.InstallTimeoutSeconds, deployment.Strategy.InstallTimeoutSeconds ?? 300);

        public bool ServiceEnabled => deployment.Strategy.ServiceStrategy?.EnableModuleService ?? false;

        public string ServiceType =>
            deployment.Strategy.ServiceStrategy?.Type is { Length: > 0 } type ? type : "NodePort";

        /// <summary>How long traffic that is cut may still arrive: waited for before an uninstall.</summary>
        public TimeSpan TrafficDrain =>
            Within(FieldLimits.TrafficDrainSeconds, deployment.Strategy.TrafficDrainSeconds ?? (deployment.ServiceEnabled ? 5 : 0));

        public bool ConfirmsDeletion => deployment.Strategy.ConfirmDeletion ?? false;

        public bool RollsBackByItself => deployment.Strategy.AutoRollback ?? false;

        public SchedulingPolicy SchedulingPolicy =>
            string.Equals(deployment.Spec.SchedulingStrategy.SchedulingPolicy, "stacking", StringComparison.OrdinalIgnoreCase)
                ? SchedulingPolicy.Stacking
                : SchedulingPolicy.Scatter;

        /// <summary>How many of the desired modules may be unavailable: 10 desired, 25 %: 2; 3 desired, 25 %: 1.</summary>
        public int MaxUnavailable(int desired)
        {
            var limit = deployment.Strategy.MaxUnavailable is { } set && set != new IntOrPercent(0, false)
                ? set : new IntOrPercent(25, true);
            return Math.Max(1, limit.OfRoundedDown(desired));
        }

        private OperationStrategy Strategy => deployment.Spec.OperationStrategy;
    }

    private static TimeSpan Within(FieldRule.Number rule, int seconds) =>
        TimeSpan.FromSeconds(rule.Nearest(seconds));
}

/// <summary>Which base pods are taken first: those with the fewest modules, or those with the most.</summary>
public enum SchedulingPolicy
{
    Scatter,
    Stacking,
}
