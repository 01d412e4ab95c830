using ModuleController.ControlPlane.Agents;
using ModuleController.Core.Commands;
using ModuleController.Protocol.V1;
using static ModuleController.SystemTests.Gateway.Messages;

namespace ModuleController.SystemTests.Gateway;

/// <summary>Applies messages to a session, at a time that the test sets.</summary>
internal sealed class TestSession
{
    public DateTimeOffset Now { get; private set; } = Start;

    public void Pass(TimeSpan time) => Now += time;

    public SessionState After(params ConnectRequest[] messages) =>
        messages.Aggregate(SessionState.New, (state, message) => Handled(state, message).State);

    public SessionState Send(SessionState state, ModuleCommand command)
    {
        var next = SessionProtocol.Send(state, command, Now);
        Assert.NotNull(next);
        return next;
    }

    public SessionStep Handled(SessionState state, ConnectRequest message)
    {
        var step = Handle(state, message);
        Assert.Null(step.Violation);
        return step;
    }

    public SessionStep Handle(SessionState state, ConnectRequest message) => SessionProtocol.Handle(state, message, Now);
}
