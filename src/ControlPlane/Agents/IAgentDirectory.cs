using ModuleController.Core.Agents;
using ModuleController.Core.Commands;
using ModuleController.Core.Meta;

namespace ModuleController.ControlPlane.Agents;

/// <summary>Who is connected, what they said, and the way to tell them something.</summary>
public interface IAgentDirectory
{
    /// <summary>
    /// The last that this pod's agent said; null when nothing was heard since this process leads. A lost session's last
    /// words are kept for a while, with <see cref="BaseView.IsConnected"/> false.
    /// </summary>
    BaseView? Find(ObjectKey pod, string podUid);

    /// <summary>Never waits. False: the agent is gone, or a command is under way (an inspection does not count).</summary>
    bool TrySend(ObjectKey pod, string podUid, ModuleCommand command);

    /// <summary>Calls back with the pod's key whenever its view changed: enqueue it, nothing else.</summary>
    IDisposable Subscribe(Action<ObjectKey> changed);

    /// <summary>Since when agents could reach this leader: for 10 s from here nothing disruptive follows from absence.</summary>
    DateTimeOffset AcceptingSince { get; }

    int Connected { get; }

    /// <summary>Rises whenever an agent has come, gone or been forgotten.</summary>
    long Changes { get; }
}
