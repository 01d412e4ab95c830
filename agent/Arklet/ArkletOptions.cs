namespace ModuleController.Agent.Arklet;

/// <summary>Where Arklet listens, and how long and how much the client takes from it.</summary>
public sealed record ArkletOptions(string Host, int Port)
{
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long a connection may take to say that somebody reads it, before another one is tried.</summary>
    public TimeSpan ContinueTimeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The time for one try of a query; commands take as long as their caller lets them.</summary>
    public TimeSpan QueryTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Connections tried for one command. Arklet has 2 × cores loops and deals connections to them in turn, so some
    /// more tries than loops that a stuck biz can hold.
    /// </summary>
    public int CommandConnections { get; init; } = 16;

    /// <summary>Connections tried for one query.</summary>
    public int QueryConnections { get; init; } = 5;

    /// <summary>Newer containers dump whole class loader maps into an install's answer.</summary>
    public int MaxAnswerBytes { get; init; } = 8 * 1024 * 1024;
}
