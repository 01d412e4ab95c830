namespace ModuleController.Core.Modules;

/// <summary>A rule that an object breaks: the field, and what is wrong with it.</summary>
public sealed record RuleBreach(string Field, string Message)
{
    public override string ToString() => $"{Field}: {Message}";
}

/// <summary>The rules for our kinds, each once: for the admission webhook, and for what slipped by it.</summary>
public static class ModuleRules
{
    private const int MaxNameLength = 52;
    private const int MaxLabelLength = 63;
    private const int MaxHookPath = 1024;

    public static IReadOnlyList<RuleBreach> Check(ModuleDeployment deployment) =>
        [.. Breaches(deployment.Spec).Where(breach => breach is not null).Select(breach => breach!)];

    private static IEnumerable<RuleBreach?> Breaches(ModuleDeploymentSpec spec)
    {
        const string Module = "spec.template.spec.module";
        var (source, strategy) = (spec.Template.Spec.Module, spec.OperationStrategy);
        yield return When(spec.BaseDeploymentName.Length == 0, "spec.baseDeploymentName", "is required");
        yield return When(!IsLabelValue(source.Name, MaxNameLength), $"{Module}.name",
            $"'{source.Name}' is not a label value of 1 to {MaxNameLength} characters");
        yield return When(!IsLabelValue(source.Version, MaxLabelLength), $"{Module}.version",
            $"'{source.Version}' is not a label value of 1 to {MaxLabelLength} characters");
        yield return When(!IsUrl(source.Url), $"{Module}.url", $"'{source.Url}' is not an http, https or file URL");
        yield return When(spec.Replicas < -1, "spec.replicas", "is below -1; -1 means one on every base pod");
        yield return When(spec.ScaleReplicas < 0, "spec.scaleReplicas", "is below 0");
        yield return When(spec.MinReadySeconds < 0, "spec.minReadySeconds", "is below 0");
        yield return When(strategy.InstallTimeoutSeconds < 1, "spec.operationStrategy.installTimeoutSeconds", "is below 1");
        yield return When(strategy.UpgradePolicy is { Length: > 0 } policy && UpgradePolicies.Parse(policy) is null,
            "spec.operationStrategy.upgradePolicy", $"'{strategy.UpgradePolicy}' is no upgrade policy");
        yield return When(strategy.ServiceStrategy is { EnableModuleService: true, Port: null or < 1 or > 65535 },
            "spec.operationStrategy.serviceStrategy.port", "must be 1 to 65535 where the service is enabled");
        (string Name, ModuleHook? Hook)[] hooks =
        [
            ("preInstall", spec.Hooks?.PreInstall), ("postInstall", spec.Hooks?.PostInstall),
            ("preUninstall", spec.Hooks?.PreUninstall), ("postUninstall", spec.Hooks?.PostUninstall),
        ];
        foreach (var (name, hook) in hooks)
            foreach (var breach in hook is null ? [] : Breaches($"spec.hooks.{name}", hook)) yield return breach;
    }

    private static IEnumerable<RuleBreach?> Breaches(string field, ModuleHook hook)
    {
        yield return When(hook.Port is < 1 or > 65535, $"{field}.port", "must be 1 to 65535");
        yield return When(!IsPath(hook.Path), $"{field}.path", $"'{hook.Path}' is not a path of at most {MaxHookPath} bytes that begins with a slash");
        yield return When(hook.TimeoutSeconds is < 1 or > 3600, $"{field}.timeoutSeconds", "must be 1 to 3600");
        yield return When(hook.Retries is < 0 or > 10, $"{field}.retries", "must be 0 to 10");
        yield return When(hook.FailurePolicy is not (null or "" or ModuleHook.Fail or ModuleHook.Ignore), $"{field}.failurePolicy",
            $"'{hook.FailurePolicy}' is neither {ModuleHook.Fail} nor {ModuleHook.Ignore}");
    }

    private static bool IsPath(string? path) =>
        path is ['/', ..] && System.Text.Encoding.UTF8.GetByteCount(path) <= MaxHookPath
        && !path.Any(c => char.IsWhiteSpace(c) || char.IsControl(c));

    private static RuleBreach? When(bool isBroken, string field, string message) => isBroken ? new(field, message) : null;

    private static bool IsLabelValue(string text, int maxLength) =>
        text.Length > 0 && text.Length <= maxLength
        && char.IsAsciiLetterOrDigit(text[0]) && char.IsAsciiLetterOrDigit(text[^1])
        && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');

    private static bool IsUrl(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url)
        && (url.Scheme is "http" or "https" ? url.Host.Length > 0 : url.Scheme == "file" && text.StartsWith("file:", StringComparison.Ordinal));
}
