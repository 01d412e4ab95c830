namespace ModuleController.Agent.Hooks;

/// <summary>What a hook is called for, as its request names it.</summary>
public static class HookEvents
{
    public const string PreInstall = "preInstall";
    public const string PostInstall = "postInstall";
    public const string PreUninstall = "preUninstall";
    public const string PostUninstall = "postUninstall";
}
