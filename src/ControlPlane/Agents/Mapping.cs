using Google.Protobuf.WellKnownTypes;
using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.Protocol;
using Wire = ModuleController.Protocol.V1;

namespace ModuleController.ControlPlane.Agents;

/// <summary>
/// Maps the messages of the stream to the types of the planners. Input has passed <see cref="MessageLimits"/>, output
/// <see cref="CommandRules"/>.
/// </summary>
public static class Mapping
{
    public static BaseView ToView(Wire.Snapshot snapshot, DateTimeOffset now) => new()
    {
        IsConnected = true,
        LastMessageAt = now,
        State = ToState(snapshot.BaseState),
        Life = snapshot.BaseLife is { } life ? new(life.Id, life.StartedAt.ToDateTimeOffset()) : null,
        IsBizKnown = snapshot.BizKnown,
        Biz = [.. snapshot.Biz.Select(ToBiz)],
        Interrupted = [.. snapshot.Interrupted],
        Running = [.. snapshot.Running.Select(ToRunning)],
        Attempts = [.. snapshot.Attempts.Select(attempt => ToAttempt(attempt, now))],
        Jvm = snapshot.Jvm is { } jvm ? ToJvm(jvm) : null,
        IsMetaspaceFull = snapshot.MetaspaceFull,
        Staged = [.. snapshot.Staged],
    };

    public static BaseState ToState(Wire.BaseState state) => state switch
    {
        Wire.BaseState.Down => BaseState.Down,
        Wire.BaseState.Up => BaseState.Up,
        Wire.BaseState.Hung => BaseState.Hung,
        Wire.BaseState.WithoutFigures => BaseState.WithoutFigures,
        _ => BaseState.Unknown,
    };

    public static JvmView ToJvm(Wire.JvmHealth jvm) =>
        new(jvm.UsedHeap, jvm.MaxHeap, jvm.UsedMetaspace, jvm.CommittedMetaspace, jvm.MaxMetaspace);

    public static CommandAnswer ToAnswer(Wire.CommandResult result, DateTimeOffset now)
    {
        var (outcome, reason) = ToOutcome(result.Outcome, result.Reason);
        return new(
            result.CommandId, outcome, reason,
            NullIfEmpty(result.Code), NullIfEmpty(UrlText.In(result.Message)), result.BaseLifeId, now)
        {
            Artifact = result.Artifact is { } jar
                ? new(jar.Name, jar.Version, NullIfEmpty(jar.WebContextPath), NullIfEmpty(jar.Sha256))
                : null,
            Duration = result.Duration?.ToTimeSpan(),
            MetaspaceBytes = result.MetaspaceBytes == 0 ? null : result.MetaspaceBytes,
            RetryAfter = result.RetryAfter?.ToTimeSpan() is { } wait && wait > TimeSpan.Zero ? Shorter(wait, Limits.RetryAfter) : null,
        };
    }

    private static CommandAttempt ToAttempt(Wire.LastAttempt attempt, DateTimeOffset now)
    {
        var (outcome, reason) = ToOutcome(attempt.Outcome, attempt.Reason);
        return new(attempt.CommandId, outcome, reason, now - (attempt.AnsweredFor?.ToTimeSpan() ?? TimeSpan.Zero))
        {
            Rejections = (int)Math.Min(attempt.Rejections, int.MaxValue / 2),
        };
    }

    private static (CommandOutcome Outcome, FailureReason? Reason) ToOutcome(Wire.Outcome outcome, Wire.Reason reason) => outcome switch
    {
        Wire.Outcome.Succeeded => (CommandOutcome.Succeeded, null),
        // One that was refused because it is for another base life has a code, but no reason: nothing failed.
        _ => (outcome is Wire.Outcome.Failed
            ? CommandOutcome.Failed : CommandOutcome.Refused, reason == Wire.Reason.Unspecified ? null : ToReason(reason)),
    };

    /// <summary>A reason that only a newer agent knows counts as one of the environment: it is tried again.</summary>
    public static FailureReason ToReason(Wire.Reason reason) =>
        System.Enum.IsDefined(reason) && FailureReasons.Parse(reason.ToString()) is { } known ? known : FailureReason.ArkletUnreachable;

    public static Wire.Command ToCommand(ModuleCommand command, ulong epoch)
    {
        var wire = new Wire.Command
        {
            Id = command.Id,
            Epoch = epoch,
            BaseLifeId = command.BaseLife,
            Deadline = Duration.FromTimeSpan(command.Deadline),
        };
        var module = new Wire.ModuleRef
        {
            ModuleUid = command.ModuleUid,
            Name = command.Name,
            Version = command.Version,
        };
        switch (command)
        {
            case ModuleCommand.Install install:
                wire.Install = new() { Module = module, Source = ToSource(install.Source, command.Policy), Activate = install.Activate };
                (wire.Install.PreInstall, wire.Install.PostInstall) = (ToHook(install.Before), ToHook(install.After));
                (wire.Install.Priority, wire.Install.HasLived) = (install.Priority, install.HasLived);
                wire.Install.DeploymentCreatedAt = install.DeploymentCreatedAt?.ToTimestamp();
                break;
            case ModuleCommand.Uninstall uninstall:
                wire.Uninstall = new()
                {
                    Module = module,
                    PreUninstall = ToHook(uninstall.Before),
                    PostUninstall = ToHook(uninstall.After)
                };
                break;
            case ModuleCommand.Switch:
                wire.Switch = new() { Module = module };
                break;
            case ModuleCommand.Inspect inspect:
                wire.Inspect = new() { Module = module, Source = ToSource(inspect.Source, command.Policy) };
                break;
            case ModuleCommand.Fetch fetch:
                wire.Fetch = new() { Module = module, Source = ToSource(fetch.Source, command.Policy) };
                break;
            case ModuleCommand.Adopt:
                wire.Adopt = new() { Module = module };
                break;
            case ModuleCommand.Disown:
                wire.Disown = new() { Module = module };
                break;
            default:
                throw new ArgumentException($"command {command.Id} is of an unknown kind", nameof(command));
        }

        return wire;
    }

    private static Wire.Source ToSource(ModuleSource source, ArtifactPolicy policy) => new()
    {
        Url = source.Url,
        Sha256 = source.Sha256?.ToLowerInvariant() ?? "",
        Md5 = source.Md5?.ToLowerInvariant() ?? "",
        Policy = policy.IsNone ? null : new()
        {
            Sources = { policy.Sources.Select(allowed => allowed.ToString()) },
            MaxBytes = (ulong)(policy.MaxBytes ?? 0),
            RequireSha256 = policy.RequiresSha256,
        },
    };

    private static Wire.Hook? ToHook(HookCall? hook) => hook is null
        ? null
        : new()
        {
            Port = (uint)hook.Port,
            Path = hook.Path,
            Timeout = Duration.FromTimeSpan(hook.Timeout),
            Retries = (uint)hook.Retries,
            IgnoreFailure = hook.IgnoreFailure,
        };

    private static BizView ToBiz(Wire.Biz biz) => new(biz.Name, biz.Version, biz.State switch
    {
        Wire.BizState.Resolved => BizState.Resolved,
        Wire.BizState.Activated => BizState.Activated,
        Wire.BizState.Deactivated => BizState.Deactivated,
        Wire.BizState.Broken => BizState.Broken,
        _ => BizState.Other,
    })
    {
        ModuleUid = NullIfEmpty(biz.ModuleUid),
        WebContextPath = NullIfEmpty(biz.WebContextPath),
        ArtifactHash = NullIfEmpty(biz.ArtifactSha256),
        InstalledAt = biz.InstalledAt?.ToDateTimeOffset(),
        InstallDuration = biz.InstallDuration?.ToTimeSpan(),
        MetaspaceBytes = biz.MetaspaceBytes,
        IsStuck = biz.Stuck,
    };

    private static RunningCommand ToRunning(Wire.RunningCommand running) =>
        new(running.CommandId, running.ModuleName, running.ModuleVersion, running.RunningFor?.ToTimeSpan() ?? TimeSpan.Zero)
        {
            IsInHook = running.Phase == Wire.CommandPhase.Hook,
        };

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;

    private static string? NullIfEmpty(string text) => text.Length == 0 ? null : text;
}
