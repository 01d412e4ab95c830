namespace ModuleController.Dev.ApiServer.Access;

/// <summary>The outcome of a token's check: a user and the audiences that were both requested and granted, or no user.</summary>
/// <param name="Problem">Why there is no user; null if the token is none of this cluster.</param>
public readonly record struct TokenCheck(User? User = null, IReadOnlyList<string>? Audiences = null, string? Problem = null)
{
    public static TokenCheck Unknown => default;
}
