using ModuleController.ControlPlane.Agents;
using ModuleController.Protocol.V1;
using static ModuleController.SystemTests.Gateway.Messages;

namespace ModuleController.SystemTests.Gateway;

/// <summary>In which order messages may come.</summary>
public sealed class SessionProtocolTests
{
    private readonly TestSession _session = new();

    [Fact]
    public void Nothing_is_known_before_the_full_snapshot()
    {
        var greeted = _session.After(Hello());

        Assert.Equal(SessionPhase.AwaitingSnapshot, greeted.Phase);
        Assert.Equal(new(new("default", "base-0"), "uid-0", "1.0.0", 0), greeted.Hello);
        Assert.Null(greeted.View);
        Assert.Null(SessionProtocol.Send(greeted, Install(), _session.Now));
    }

    public static TheoryData<string, string> Orders => new()
    {
        { "snapshot", "expected a hello" },
        { "heartbeat", "expected a hello" },
        { "progress", "expected a hello" },
        { "result", "expected a hello" },
        { "hello hello", "a second hello" },
        { "hello heartbeat", "expected the full snapshot" },
        { "hello progress", "expected the full snapshot" },
        { "hello result", "expected the full snapshot" },
        { "hello snapshot hello", "a second hello" },
        { "hello snapshot snapshot snapshot-again", "snapshot 2 after snapshot 2" },
        { "hello snapshot empty", "the message is empty" },
        { "empty", "the message is empty" },
    };

    [Theory]
    [MemberData(nameof(Orders))]
    public void A_message_out_of_order_says_so_and_changes_nothing(string order, string why)
    {
        var words = order.Split(' ');
        var state = SessionState.New;
        ulong sequence = 0;
        foreach (var word in words[..^1]) state = _session.Handled(state, Word(word, ref sequence)).State;

        var step = _session.Handle(state, Word(words[^1], ref sequence));

        Assert.NotNull(step.Violation);
        Assert.Contains(why, step.Violation, StringComparison.Ordinal);
        Assert.Same(state, step.State);
    }

    private static ConnectRequest Word(string word, ref ulong sequence) => word switch
    {
        "hello" => Hello(),
        "snapshot" => Snapshot(++sequence),
        "snapshot-again" => Snapshot(sequence),
        "heartbeat" => Heartbeat(),
        "progress" => Progress("m-1/install/b-1/1"),
        "result" => Result("m-1/install/b-1/1"),
        "empty" => new(),
        _ => throw new ArgumentException(word),
    };
}
