using System.Globalization;

namespace ModuleController.Core.Agents;

/// <summary>An agent on a Ready base pod: connected, or disconnected since a time.</summary>
/// <param name="DisconnectedSince">The time of its last message; null: it is connected.</param>
public readonly record struct AgentPresence(DateTimeOffset? DisconnectedSince)
{
    /// <summary>The time that agents have to connect to a new leader. Before its end, a missing agent means nothing.</summary>
    public static readonly TimeSpan TimeToReport = TimeSpan.FromSeconds(10);

    /// <summary>An agent that has not connected to this leader: it counts as disconnected since the leader accepts agents, but only after
    /// the time to report.</summary>
    public static AgentPresence NeverConnected(DateTimeOffset acceptingSince, DateTimeOffset now) =>
        new(now - acceptingSince >= TimeToReport ? acceptingSince : null);
}

/// <summary>How close together agents of a base have to disconnect for an outage, and how long nothing is removed there then.</summary>
/// <param name="AtOnce">Disconnects within this time are one event. It is longer than a heartbeat.</param>
public sealed record AgentOutageRule(TimeSpan AtOnce, TimeSpan Hold)
{
    public static AgentOutageRule Default { get; } = new(TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(10));
}

/// <summary>Most agents of a base disconnected at once. The cause is probably the network or the controller, not the bases: nothing
/// disruptive is done then. Missing modules are still installed.</summary>
public sealed record AgentOutage(int Disconnected, int Agents, DateTimeOffset Until)
{
    private const int FewestAgents = 5;

    public static AgentOutage? Of(IReadOnlyCollection<AgentPresence> agents, AgentOutageRule rule, DateTimeOffset now)
    {
        if (agents.Count < FewestAgents) return null;
        var since = agents.Where(agent => agent.DisconnectedSince is not null).Select(agent => agent.DisconnectedSince!.Value).Order()
            .ToList();
        var most = (agents.Count / 2) + 1;
        // The last event counts from the first moment at which so many were disconnected: later ones do not move its end.
        var last = since.Count - 1;
        while (last >= most - 1 && !IsEnough(last)) last--;
        if (last < most - 1) return null;
        while (IsEnough(last - 1) && since[last] - since[last - 1] <= rule.AtOnce) last--;
        return since[last] + rule.Hold > now ? new(since.Count, agents.Count, since[last] + rule.Hold) : null;

        bool IsEnough(int index) => index >= most - 1 && since[index] - since[index - most + 1] <= rule.AtOnce;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Disconnected} of {Agents} agents of the base disconnected at the same time: no module is removed there until they reconnect, or until "
            + $"{Until.UtcDateTime:HH:mm:ss} UTC");
}
