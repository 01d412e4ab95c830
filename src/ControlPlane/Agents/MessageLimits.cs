using System.Text;
using Google.Protobuf.WellKnownTypes;
using ModuleController.Protocol;
using ModuleController.Protocol.V1;
using CommandId = ModuleController.Core.Commands.CommandId;

namespace ModuleController.ControlPlane.Agents;

/// <summary>The limits of the proto file, and its required fields. The result is the violation; null: there is none.</summary>
public static class MessageLimits
{
    private const long MaxSeconds = 100L * 365 * 24 * 3600;

    public static string? Check(ConnectRequest message) => message.MessageCase switch
    {
        ConnectRequest.MessageOneofCase.Hello => Check(message.Hello),
        ConnectRequest.MessageOneofCase.Snapshot => Check(message.Snapshot),
        ConnectRequest.MessageOneofCase.Progress => Required(message.Progress.CommandId, Limits.CommandId, "progress.command_id"),
        ConnectRequest.MessageOneofCase.Result => Check(message.Result),
        ConnectRequest.MessageOneofCase.Credential => Required(message.Credential.Token, Limits.Token, "credential.token"),
        _ => null,
    };

    private static string? Check(Hello hello) =>
        Required(hello.PodNamespace, Limits.Namespace, "hello.pod_namespace")
        ?? Required(hello.PodName, Limits.PodName, "hello.pod_name")
        ?? Required(hello.PodUid, Limits.Uid, "hello.pod_uid")
        ?? Text(hello.AgentVersion, Limits.AgentVersion, "hello.agent_version")
        ?? Count(hello.ProtocolVersions.Count, Limits.ProtocolVersions, "hello.protocol_versions")
        ?? hello.ProtocolVersions.Select(version => Text(version, Limits.ProtocolVersion, "hello.protocol_versions")).FirstOrDefault(Broken)
        ?? Count(hello.Capabilities.Count, Limits.Capabilities, "hello.capabilities")
        ?? hello.Capabilities.Select(capability => Text(capability, Limits.Capability, "hello.capabilities")).FirstOrDefault(Broken)
        ?? (hello.ArkletPort <= 65535 ? null : "hello.arklet_port: out of range")
        ?? (hello.ProtocolVersions.Contains("v1") ? null : "hello.protocol_versions: this controller supports v1")
        ?? Check(hello.BaseLife, "hello.base_life");

    private static string? Check(Snapshot snapshot) =>
        Count(snapshot.Biz.Count, Limits.Biz, "snapshot.biz")
        ?? Count(snapshot.Running.Count, Limits.RunningCommands, "snapshot.running")
        ?? Count(snapshot.Interrupted.Count, Limits.RunningCommands, "snapshot.interrupted")
        ?? snapshot.Interrupted.Select(id => Required(id, Limits.CommandId, "snapshot.interrupted")).FirstOrDefault(Broken)
        ?? Count(snapshot.Attempts.Count, Limits.Attempts, "snapshot.attempts")
        ?? snapshot.Attempts.Select(Check).FirstOrDefault(Broken)
        ?? Count(snapshot.Staged.Count, Limits.Staged, "snapshot.staged")
        ?? snapshot.Staged.Select(uid => Required(uid, Limits.Uid, "snapshot.staged")).FirstOrDefault(Broken)
        ?? Check(snapshot.BaseLife, "snapshot.base_life")
        ?? Time(snapshot.ObservedAt, "snapshot.observed_at")
        ?? snapshot.Biz.Select(Check).FirstOrDefault(Broken)
        ?? snapshot.Running.Select(Check).FirstOrDefault(Broken);

    private static string? Check(Biz biz) =>
        Required(biz.Name, Limits.BizName, "biz.name")
        ?? Text(biz.Version, Limits.BizName, "biz.version")
        ?? Text(biz.WebContextPath, Limits.WebContextPath, "biz.web_context_path")
        ?? Text(biz.ModuleUid, Limits.Uid, "biz.module_uid")
        ?? Text(biz.ArtifactSha256, Limits.Sha256, "biz.artifact_sha256")
        ?? Time(biz.InstalledAt, "biz.installed_at")
        ?? Span(biz.InstallDuration, "biz.install_duration");

    private static string? Check(RunningCommand running) =>
        Required(running.CommandId, Limits.CommandId, "running.command_id")
        ?? Text(running.ModuleName, Limits.BizName, "running.module_name")
        ?? Text(running.ModuleVersion, Limits.BizName, "running.module_version")
        ?? Span(running.RunningFor, "running.running_for");

    private static string? Check(LastAttempt attempt) =>
        Required(attempt.CommandId, Limits.CommandId, "attempts.command_id")
        // The next one needs a number too.
        ?? (CommandId.Parse(attempt.CommandId) is { Attempt: < int.MaxValue } ? null : "attempts.command_id: has no number of the attempt")
        ?? Span(attempt.AnsweredFor, "attempts.answered_for");

    private static string? Check(CommandResult result) =>
        Required(result.CommandId, Limits.CommandId, "result.command_id")
        ?? (result.Outcome is Outcome.Succeeded or Outcome.Failed or Outcome.Refused ? null : "result.outcome: is unknown")
        ?? (result.Outcome == Outcome.Failed && result.Reason == Reason.Unspecified ? "result.reason: is required for a failure" : null)
        ?? Text(result.Code, Limits.Code, "result.code")
        ?? Text(result.Message, Limits.Message, "result.message")
        ?? Text(result.BaseLifeId, Limits.BaseLifeId, "result.base_life_id")
        ?? Span(result.Duration, "result.duration")
        ?? Span(result.RetryAfter, "result.retry_after")
        ?? (result.Artifact is { } artifact ? Check(artifact) : null);

    private static string? Check(Artifact artifact) =>
        Text(artifact.Name, Limits.BizName, "artifact.name")
        ?? Text(artifact.Version, Limits.BizName, "artifact.version")
        ?? Text(artifact.WebContextPath, Limits.WebContextPath, "artifact.web_context_path")
        ?? Text(artifact.Sha256, Limits.Sha256, "artifact.sha256");

    private static string? Check(BaseLife? life, string field)
    {
        if (life is null) return null;
        if (Required(life.Id, Limits.BaseLifeId, $"{field}.id") is { } broken) return broken;
        if (!life.Id.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_'
            or '-')) return $"{field}.id: only A-Z, a-z, 0-9, '.', '_' and '-'";
        return life.StartedAt is null ? $"{field}.started_at: missing" : Time(life.StartedAt, $"{field}.started_at");
    }

    private static bool Broken(string? check) => check is not null;

    private static string? Required(string text, int limit, string field) =>
        text.Length == 0 ? $"{field}: missing" : Text(text, limit, field);

    private static string? Text(string text, int limit, string field) =>
        text.Length > limit || Encoding.UTF8.GetByteCount(text) > limit ? $"{field}: more than {limit} bytes" : null;

    private static string? Count(int count, int limit, string field) =>
        count > limit ? $"{field}: {count} entries, at most {limit}" : null;

    // Timestamps and durations can hold what our types can't.
    private static string? Time(Timestamp? time, string field) =>
        time is null || (time.Seconds is >= 0 and < 253_402_300_800 && time.Nanos is >= 0 and < 1_000_000_000)
            ? null : $"{field}: out of range";

    private static string? Span(Duration? span, string field) =>
        span is null || (span.Seconds is >= 0 and < MaxSeconds && span.Nanos is >= 0 and < 1_000_000_000) ? null : $"{field}: out of range";
}
