namespace ModuleController.Core.Modules;

/// <summary>The condition types of a ModuleDeployment.</summary>
public static class DeploymentConditions
{
    public const string Available = "Available";
    public const string Progressing = "Progressing";
    public const string ReplicaFailure = "ReplicaFailure";
    public const string FieldsWithoutEffect = "FieldsWithoutEffect";
}

/// <summary>Reasons of conditions and Events.</summary>
public static class Reasons
{
    public const string MinimumAvailable = "MinimumReplicasAvailable";
    public const string MinimumUnavailable = "MinimumReplicasUnavailable";
    public const string ReleaseProgressing = "ReleaseProgressing";
    public const string ReleaseCompleted = "ReleaseCompleted";
    public const string ReleaseStarted = "ReleaseStarted";
    public const string BatchStarted = "BatchStarted";
    public const string Inspecting = "InspectingArtifact";
    public const string InspectionFailed = "InspectionFailed";
    public const string ProgressDeadlineExceeded = "ProgressDeadlineExceeded";
    public const string Paused = "Paused";
    public const string Terminating = "Terminating";
    public const string BaseNotFound = "BaseNotFound";
    public const string InvalidSpec = "InvalidSpec";
    public const string ModuleNameConflict = "ModuleNameConflict";
    public const string NoEligibleBase = "NoEligibleBase";
    public const string WouldInterruptService = "WouldInterruptService";
    public const string FieldsWithoutEffect = "FieldsWithoutEffect";
    public const string ScaleIgnored = "ScaleIgnored";
    public const string ReplicasUnset = "ReplicasUnset";
    public const string Scheduled = "Scheduled";
    public const string BaseScaled = "BaseScaled";
    public const string BaseScalingForgotten = "BaseScalingForgotten";
    public const string DeletedByLabel = "DeletedByLabel";
    public const string DeletionRefused = "DeletionRefused";
    public const string ModuleReplaced = "ModuleReplaced";
}
