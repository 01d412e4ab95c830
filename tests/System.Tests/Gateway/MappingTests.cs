using Google.Protobuf.WellKnownTypes;
using ModuleController.ControlPlane.Agents;
using ModuleController.Core.Commands;
using ModuleController.Protocol.V1;

namespace ModuleController.SystemTests.Gateway;

public sealed class MappingTests
{
    private static readonly CommandResult Denied = new()
    {
        CommandId = "m/install/b/1",
        Outcome = Outcome.Failed,
        Reason = Reason.ArtifactDenied,
        Message = "https://user:secret@repo/a.jar?signature=secret answers 403",
    };

    [Fact]
    public void The_secrets_that_an_older_agent_tells_are_removed()
    {
        var answer = Mapping.ToAnswer(Denied, Messages.Start);
        Assert.Equal((FailureReason.ArtifactDenied, "https://repo/a.jar answers 403"), (answer.Reason, answer.Message));
        Assert.Null(answer.RetryAfter);
    }

    [Theory]
    [InlineData(90, 90)]
    [InlineData(86_400, 3600)]
    public void A_wait_that_is_asked_for_is_capped(long asked, int seconds)
    {
        var answer = Mapping.ToAnswer(new(Denied) { RetryAfter = new Duration { Seconds = asked } }, Messages.Start);
        Assert.Equal(TimeSpan.FromSeconds(seconds), answer.RetryAfter);
    }

    [Fact]
    public void A_wait_that_is_out_of_range_breaks_the_protocol() => Assert.Equal("result.retry_after: out of range",
        MessageLimits.Check(new() { Result = new(Denied) { RetryAfter = new Duration { Seconds = long.MaxValue } } }));
}
