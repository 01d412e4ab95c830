using System.Globalization;

namespace ModuleController.Core.Agents;

/// <summary>An agent on a Ready base pod: there, or gone since a time.</summary>
/// <param name="GoneSince">When it was last heard; null: it is connected.</param>
public readonly record struct AgentPresence(DateTimeOffset? GoneSince)
{
    /// <summary>What agents have, after a start of ours, to report before anything is concluded from absence.</summary>
    public static readonly TimeSpan TimeToReport = TimeSpan.FromSeconds(10);

    /// <summary>One that has not been heard since agents could reach us: for a while it is on its way, and after that it counts
    /// as gone since then. A gate that is shut lets nobody come.</summary>
    public static AgentPresence NeverHeard(DateTimeOffset acceptingSince, DateTimeOffset now) =>
        new(now - acceptingSince >= TimeToReport ? acceptingSince : null);
}

/// <summary>How many agents of a base have to vanish how fast, and how long nothing is taken away there then.</summary>
/// <param name="AtOnce">What lies no further apart is one event; agents speak every heartbeat, so it is longer than that.</param>
public sealed record AgentOutageRule(TimeSpan AtOnce, TimeSpan Hold)
{
    public static AgentOutageRule Default { get; } = new(TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(10));
}

/// <summary>Most agents of a base vanished at once: it is the network, or us, rather than the bases. Nothing disruptive follows
/// from what can't be seen then; what is missing is installed again all the same.</summary>
public sealed record AgentOutage(int Gone, int Agents, DateTimeOffset Until)
{
    private const int FewestAgents = 5;

    public static AgentOutage? Of(IReadOnlyCollection<AgentPresence> agents, AgentOutageRule rule, DateTimeOffset now)
    {
        if (agents.Count < FewestAgents) return null;
        var gone = agents.Where(agent => agent.GoneSince is not null).Select(agent => agent.GoneSince!.Value).Order().ToList();
        var most = (agents.Count / 2) + 1;
        // The last event counts from the first moment at which so many had gone: who follows in it does not move its end.
        var last = gone.Count - 1;
        while (last >= most - 1 && !IsEnough(last)) last--;
        if (last < most - 1) return null;
        while (IsEnough(last - 1) && gone[last] - gone[last - 1] <= rule.AtOnce) last--;
        return gone[last] + rule.Hold > now ? new(gone.Count, agents.Count, gone[last] + rule.Hold) : null;

        bool IsEnough(int index) => index >= most - 1 && gone[index] - gone[index - most + 1] <= rule.AtOnce;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Gone} of {Agents} agents of the base vanished at once: nothing is taken away there until they are back, or {Until.UtcDateTime:HH:mm:ss} UTC");
}
