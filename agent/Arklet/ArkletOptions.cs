namespace ModuleController.Agent.Arklet;

/// <summary>Where Arklet listens, and the limits of its client.</summary>
public sealed record ArkletOptions(string Host, int Port)
{
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long to wait for <c>100 Continue</c> before another connection is tried.</summary>
    public TimeSpan ContinueTimeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Timeout of one attempt of a query. Commands have the timeout of their caller.</summary>
    public TimeSpan QueryTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Connections tried for one command. Arklet distributes connections to its 2 × cores loops in turn, so this must be more than the
    /// loops that stuck biz can block.
    /// </summary>
    public int CommandConnections { get; init; } = 16;

    /// <summary>Connections tried for one query.</summary>
    public int QueryConnections { get; init; } = 5;

    /// <summary>Newer containers write whole class loader maps into the answer to an install.</summary>
    public int MaxAnswerBytes { get; init; } = 8 * 1024 * 1024;
}
