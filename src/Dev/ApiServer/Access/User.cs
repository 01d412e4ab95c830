namespace ModuleController.Dev.ApiServer.Access;

/// <summary>The sender of a request: a name and its groups.</summary>
public sealed record User(string Name, IReadOnlyList<string> Groups)
{
    public const string Masters = "system:masters";
    public const string Authenticated = "system:authenticated";

    private const string AccountPrefix = "system:serviceaccount:";

    /// <summary>The user of a request without credentials.</summary>
    public static readonly User Anonymous = new("system:anonymous", ["system:unauthenticated"]);

    public string? Uid { get; init; }

    /// <summary>What the credential says besides, such as the pod of a token.</summary>
    public IReadOnlyDictionary<string, string> Extra { get; init; } = new Dictionary<string, string>();

    /// <summary>A user by name. A ServiceAccount is also in the groups of ServiceAccounts.</summary>
    public static User Named(string name, params IEnumerable<string> groups)
    {
        var account = name.StartsWith(AccountPrefix, StringComparison.Ordinal) ? name[AccountPrefix.Length..].Split(':') : [];
        return new(name, account is [var ns, _]
            ? ["system:serviceaccounts", $"system:serviceaccounts:{ns}", .. groups, Authenticated] : [.. groups, Authenticated]);
    }
}
