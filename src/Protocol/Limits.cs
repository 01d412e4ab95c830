namespace ModuleController.Protocol;

/// <summary>
/// The limits that stand beside the fields in the proto file: bytes of UTF-8, or entries of a list. Those that are also limits of a
/// field of our kinds are tested against the table of these.
/// </summary>
public static class Limits
{
    public const int MessageFromAgent = 1024 * 1024;
    public const int MessageToAgent = 64 * 1024;
    public const int Namespace = 63;
    public const int PodName = 253;
    public const int Uid = 64;
    public const int AgentVersion = 64;
    public const int Token = 16 * 1024;
    public const int ProtocolVersions = 8;
    public const int ProtocolVersion = 16;
    public const int BaseLifeId = 64;
    public const int Biz = 1000;
    public const int RunningCommands = 64;

    /// <summary>Of these, those that have hooks: they may last for hours, and must leave room for others.</summary>
    public const int HookedCommands = 32;
    public const int Attempts = 256;
    public const int Staged = 32;
    public const int Capabilities = 16;
    public const int Capability = 32;

    /// <summary>Attempts at inspecting one source are numbered within a block of so many; another source has another block.</summary>
    public const int InspectionsPerSource = 32_000;
    public const int BizName = 128;
    public const int WebContextPath = 256;
    public const int CommandId = 256;
    public const int Code = 64;
    public const int Message = 1024;
    public const int ModuleName = 63;
    public const int Url = 8192;

    /// <summary>An agent without the capability <see cref="Capabilities.LongUrls"/> closes its stream for a longer one.</summary>
    public const int UrlOfFirstVersion = 2048;
    public const int PolicySources = 32;
    public const int PolicySource = 512;
    public const int Sha256 = 64;
    public const int Md5 = 32;
    public const int HookPath = 1024;
    public const int HookRetries = 10;
    public static readonly TimeSpan RetryAfter = TimeSpan.FromHours(1);
    public static readonly TimeSpan HookTimeout = TimeSpan.FromHours(1);
    public static readonly TimeSpan Deadline = TimeSpan.FromDays(1);
}
