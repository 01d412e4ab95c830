namespace ModuleController.Core.Modules.Rules;

/// <summary>Each limit of a field, once. The CRDs, the protocol's limits and the agent's check are tested against this table.</summary>
public static class FieldLimits
{
    private const string LabelCharacters = "letters, digits, '-', '_' and '.', with a letter or digit at both ends";
    private const string LabelPattern = "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$";
    private const string KeyCharacters =
        "an optional DNS name and a slash, then 1 to 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends";
    private const string KeyPattern =
        @"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";

    /// <summary>A key is a prefix of at most 253 characters, a slash and a name of at most 63.</summary>
    private const int MaxKeyLength = 317;
    private const int MaxEntries = 128;
    private const int Day = 24 * 3600;

    public static FieldRule.Text BaseDeploymentName { get; } = new(
        "must be the name of a Deployment: 1 to 253 lowercase letters, digits, '-' and '.', with a letter or digit at both ends",
        253, @"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    {
        IsRequired = true,
    };

    /// <summary>Part of a label's key on base pods.</summary>
    public static FieldRule.Text ModuleName { get; } =
        new($"must be Ark-Biz-Name of the jar: 1 to 52 {LabelCharacters}", 52, LabelPattern) { IsRequired = true };

    public static FieldRule.Text ModuleVersion { get; } =
        new($"must be Ark-Biz-Version of the jar: 1 to 63 {LabelCharacters}", 63, LabelPattern) { IsRequired = true };

    public static FieldRule.Text Url { get; } = new(
        "must be an http, https or file URL of at most 8192 bytes without spaces, such as https://repo.example.com/orders-1.0.0.jar",
        8192, @"^(https?://[^/?#\p{Z}\p{Cc}]+([/?#][^\p{Z}\p{Cc}]*)?|file:(//)?/[^\p{Z}\p{Cc}]+)$")
    {
        IsRequired = true,
    };

    public static FieldRule.Text Type { get; } = new("must be at most 63 bytes", 63);

    public static FieldRule.Text Md5 { get; } = new("must be 32 hexadecimal digits, or empty", 32, "^([0-9a-fA-F]{32})?$");

    public static FieldRule.Text Sha256 { get; } = new("must be 64 hexadecimal digits, or empty", 64, "^([0-9a-fA-F]{64})?$");

    public static FieldRule.Map Labels { get; } = new(
        $"must have only label keys: {KeyCharacters}",
        new($"must be a label key: {KeyCharacters}", MaxKeyLength, KeyPattern),
        new($"must be a label value: at most 63 {LabelCharacters}", 63, "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"), MaxEntries);

    public static FieldRule.Map Annotations { get; } = new(
        $"must have only annotation keys: {KeyCharacters}",
        new($"must be an annotation key: {KeyCharacters}", MaxKeyLength, KeyPattern), null, MaxEntries);

    /// <summary>In bytes, keys and values of all annotations of an object together, as the API server counts them.</summary>
    public const int MaxAnnotations = 256 * 1024;

    public static FieldRule.Number InstallTimeoutSeconds { get; } = new(1, Day) { IsClamped = true };

    public static FieldRule.Number TrafficDrainSeconds { get; } = new(0, Day) { IsClamped = true };

    public static FieldRule.NumberOrText MaxUnavailable { get; } = new(
        "must be a number, or a percentage from 0% to 100%", NotNegative, new("", 4, "^(100|[1-9]?[0-9])%$"));

    public static FieldRule.Choice UpgradePolicy { get; } = new(
        "", "install_then_uninstall", "uninstall_then_install", "scaleup_then_scaledown",
        "installThenUninstall", "uninstallThenInstall", "scaleUpThenScaleDown", "scaleupThenScaledown");

    public static FieldRule.Number Port { get; } = new(1, 65535);

    public static FieldRule.NumberOrText TargetPort { get; } = new(
        "must be a port from 1 to 65535, or the name of a container port: at most 15 lowercase letters, digits and '-', one letter at least",
        new(0, 65535), new("", 15, "^([a-z0-9]-?)*[a-z](-?[a-z0-9])*$"));

    public static FieldRule.Choice ServiceType { get; } = new("ClusterIP", "NodePort", "LoadBalancer");

    public static FieldRule.Choice SchedulingPolicy { get; } = new("scatter", "stacking", "Scatter", "Stacking");

    public static FieldRule.Text HookPath { get; } = new(
        "must be a path of at most 1024 bytes that begins with '/' and has no spaces", 1024, @"^/[^\p{Z}\p{Cc}]*$")
    {
        IsRequired = true,
    };

    public static FieldRule.Number HookTimeoutSeconds { get; } = new(1, 3600) { IsClamped = true };

    public static FieldRule.Number HookRetries { get; } = new(0, 10) { IsClamped = true };

    public static FieldRule.Choice HookFailurePolicy { get; } = new(ModuleHook.Fail, ModuleHook.Ignore);

    /// <summary>Numbers whose only limit is that they are not negative.</summary>
    public static FieldRule.Number NotNegative => new(0, int.MaxValue);

    /// <summary>-1 is one on every base pod.</summary>
    public static FieldRule.Number Replicas { get; } = new(-1, int.MaxValue);

    public static FieldRule.Number Priority { get; } = new(int.MinValue, int.MaxValue);
}
