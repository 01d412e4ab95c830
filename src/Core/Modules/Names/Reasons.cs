
namespace ModuleController.Core.Modules.Names;

/// <summary>The condition types of a ModuleDeployment.</summary>
public static class DeploymentConditions
{
    public const string Available = "Available";
    public const string Progressing = "Progressing";
    public const string ReplicaFailure = "ReplicaFailure";

    /// <summary>True: the release is complete and every desired module is available.</summary>
    public const string Ready = "Ready";

    /// <summary>Exists only while the controller works or waits.</summary>
    public const string Reconciling = "Reconciling";

    /// <summary>Exists only while the release does not continue until somebody acts.</summary>
    public const string Stalled = "Stalled";

    /// <summary>Exists only while other values are used in place of stored ones that break a rule.</summary>
    public const string PartiallyInvalid = "PartiallyInvalid";
}

/// <summary>Reasons of conditions and Events.</summary>
public static class Reasons
{
    public const string MinimumAvailable = "MinimumReplicasAvailable";
    public const string MinimumUnavailable = "MinimumReplicasUnavailable";
    public const string ReleaseProgressing = "ReleaseProgressing";
    public const string ReleaseCompleted = "ReleaseCompleted";
    public const string BatchStarted = "BatchStarted";
    public const string Inspecting = "InspectingArtifact";
    public const string InspectionFailed = "InspectionFailed";
    public const string ProgressDeadlineExceeded = "ProgressDeadlineExceeded";
    public const string Paused = "Paused";
    public const string Frozen = "Frozen";
    public const string WaitingForConfirmation = "WaitingForConfirmation";
    public const string GrayTime = "GrayTime";
    public const string Aborted = "Aborted";
    public const string MaxFailuresExceeded = "MaxFailuresExceeded";
    public const string BaseDied = "BaseDied";
    public const string RollingBack = "RollingBack";
    public const string RolledBack = "RolledBack";
    public const string WebContextPathConflict = "WebContextPathConflict";
    public const string FreezeWithoutReason = "FreezeWithoutReason";
    public const string ActionRefused = "ActionRefused";
    public const string Terminating = "Terminating";
    public const string BaseNotFound = "BaseNotFound";
    public const string InvalidSpec = "InvalidSpec";
    public const string ArtifactNotAllowed = "ArtifactNotAllowed";
    public const string ModuleNameConflict = "ModuleNameConflict";
    public const string MetaspaceFull = "MetaspaceFull";
    public const string NoEligibleBase = "NoEligibleBase";
    public const string AwaitingPlace = "AwaitingPlace";
    public const string WouldInterruptService = "WouldInterruptService";
    public const string ScaleIgnored = "ScaleIgnored";
    public const string ReplicasUnset = "ReplicasUnset";
    public const string UnknownScaleSelector = "UnknownScaleSelector";
    public const string WriteRejected = "WriteRejected";
    public const string ModulesFailed = "ModulesFailed";
    public const string ModulesUnavailable = "ModulesUnavailable";
    public const string ModulesBeingRemoved = "ModulesBeingRemoved";
    public const string ForeignBase = "ForeignBase";
    public const string AgentsVanished = "AgentsVanished";
    public const string AgentsReturned = "AgentsReturned";
    public const string BaseScaled = "BaseScaled";
    public const string BaseScalingForgotten = "BaseScalingForgotten";
    public const string AgentMissing = "AgentMissing";
    public const string AgentNotInjected = "AgentNotInjected";
    public const string InjectionWarning = "InjectionWarning";
    public const string MisplacedLabel = "MisplacedLabel";
    public const string DeletedByLabel = "DeletedByLabel";
    public const string DeletionRefused = "DeletionRefused";
    public const string ModuleReplaced = "ModuleReplaced";
}
