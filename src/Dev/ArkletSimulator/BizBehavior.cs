using System.Globalization;

namespace ModuleController.Dev.ArkletSimulator;

/// <summary>How a biz behaves when it is installed and removed. For null the jar decides, then the base.</summary>
public sealed record BizBehavior
{
    /// <summary>Manifest <c>Simulator-Install-Millis</c>.</summary>
    public TimeSpan? InstallTime { get; init; }

    /// <summary>Manifest <c>Simulator-Uninstall-Millis</c>.</summary>
    public TimeSpan? UninstallTime { get; init; }

    /// <summary>An install also waits for this task; for tests that observe a running install.</summary>
    public Func<CancellationToken, Task>? DuringInstall { get; init; }

    /// <summary>An uninstall waits for this task when it begins.</summary>
    public Func<CancellationToken, Task>? DuringUninstall { get; init; }

    /// <summary>The start fails with this as its last cause, after the install time. <c>Simulator-Fail-Cause</c>.</summary>
    public string? FailCause { get; init; }

    /// <summary>The switch fails with this as its last cause, and changes nothing. <c>Simulator-Switch-Fail-Cause</c>.</summary>
    public string? SwitchFailCause { get; init; }

    /// <summary>Never finishes starting, stays <c>resolved</c>, can't be uninstalled. <c>Simulator-Hang: true</c>.</summary>
    public bool? Hangs { get; init; }

    /// <summary>Ends the JVM while it starts. <c>Simulator-Exits: true</c>.</summary>
    public bool? Exits { get; init; }

    /// <summary>Ends the JVM this long after its start, unless it was removed before. <c>Simulator-Exits-After-Millis</c>.</summary>
    public TimeSpan? ExitsAfter { get; init; }

    /// <summary>No Spring, no web; its uninstall answers an error although it is gone. <c>Simulator-Plain: true</c>.</summary>
    public bool? IsPlain { get; init; }

    /// <summary>Growth of the used Metaspace. <c>Simulator-Metaspace-Bytes</c>.</summary>
    public long? MetaspaceBytes { get; init; }

    /// <summary>Growth of the committed one, which the JVM's limit counts. <c>Simulator-Metaspace-Committed-Bytes</c>.</summary>
    public long? CommittedMetaspaceBytes { get; init; }

    internal static BizBehavior Of(BizManifest manifest) => new()
    {
        InstallTime = Millis(manifest["Simulator-Install-Millis"]),
        UninstallTime = Millis(manifest["Simulator-Uninstall-Millis"]),
        FailCause = manifest["Simulator-Fail-Cause"],
        SwitchFailCause = manifest["Simulator-Switch-Fail-Cause"],
        Hangs = Flag(manifest["Simulator-Hang"]),
        Exits = Flag(manifest["Simulator-Exits"]),
        ExitsAfter = Millis(manifest["Simulator-Exits-After-Millis"]),
        IsPlain = Flag(manifest["Simulator-Plain"]),
        MetaspaceBytes = Number(manifest["Simulator-Metaspace-Bytes"]),
        CommittedMetaspaceBytes = Number(manifest["Simulator-Metaspace-Committed-Bytes"]),
    };

    /// <summary>This behavior, completed by another one.</summary>
    internal BizBehavior Over(BizBehavior other) => new()
    {
        InstallTime = InstallTime ?? other.InstallTime,
        UninstallTime = UninstallTime ?? other.UninstallTime,
        DuringInstall = DuringInstall ?? other.DuringInstall,
        DuringUninstall = DuringUninstall ?? other.DuringUninstall,
        FailCause = FailCause ?? other.FailCause,
        SwitchFailCause = SwitchFailCause ?? other.SwitchFailCause,
        Hangs = Hangs ?? other.Hangs,
        Exits = Exits ?? other.Exits,
        ExitsAfter = ExitsAfter ?? other.ExitsAfter,
        IsPlain = IsPlain ?? other.IsPlain,
        MetaspaceBytes = MetaspaceBytes ?? other.MetaspaceBytes,
        CommittedMetaspaceBytes = CommittedMetaspaceBytes ?? other.CommittedMetaspaceBytes,
    };

    private static long? Number(string? text) => text is null ? null : long.Parse(text, CultureInfo.InvariantCulture);

    private static TimeSpan? Millis(string? text) => Number(text) is { } millis ? TimeSpan.FromMilliseconds(millis) : null;

    private static bool? Flag(string? text) => text is null ? null : bool.Parse(text);
}
