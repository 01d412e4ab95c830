using Google.Protobuf.WellKnownTypes;
using ModuleController.Core.Meta;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Commands;

/// <summary>The message that answers a command, cut to the protocol's limits and without secrets of urls.</summary>
internal static class CommandResults
{
    public static CommandResult Of(Command command, Verdict verdict) => new()
    {
        CommandId = command.Id,
        Outcome = verdict.Outcome,
        Reason = verdict.Reason,
        Code = CommandLimits.Cut(verdict.Code, Limits.Code),
        Message = CommandLimits.Cut(UrlText.In(verdict.Message), Limits.Message),
        BaseLifeId = command.BaseLifeId,
        Artifact = verdict.Artifact is { } artifact ? CommandLimits.Cut(artifact) : null,
        MetaspaceBytes = verdict.MetaspaceBytes,
        RetryAfter = verdict.RetryAfter is { } wait ? Duration.FromTimeSpan(wait) : null,
    };
}
