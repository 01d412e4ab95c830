using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;

namespace ModuleController.ControlPlane.Agents;

/// <summary>The connected agents: their last views, and a way to send them commands.</summary>
public interface IAgentDirectory
{
    /// <summary>
    /// The last view of this pod's agent; null if it has not connected since this process leads. The last view of a lost session is kept
    /// for a while, with <see cref="BaseView.IsConnected"/> false.
    /// </summary>
    BaseView? Find(ObjectKey pod, string podUid);

    /// <summary>Never waits. False: the agent is disconnected, or a command is under way (an inspection does not count).</summary>
    bool TrySend(ObjectKey pod, string podUid, ModuleCommand command);

    /// <summary>Reports the key of each pod whose view has changed: enqueue it, nothing else.</summary>
    IDisposable Subscribe(Action<ObjectKey> changed);

    /// <summary>Since when agents can reach this leader. For 10 s from then, an agent that is missing disrupts nothing.</summary>
    DateTimeOffset AcceptingSince { get; }

    int Connected { get; }

    /// <summary>Rises whenever an agent has connected, disconnected or been forgotten.</summary>
    long Changes { get; }
}
