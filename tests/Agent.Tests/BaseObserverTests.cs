using Microsoft.Extensions.Logging.Abstractions;
using ModuleController.Agent.Arklet;
using ModuleController.Agent.Journal;
using ModuleController.Agent.Observing;
using ModuleController.Agent.Tests.Commands;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Tests;

public sealed class BaseObserverTests
{
    [Fact]
    public async Task Health_without_the_figures_of_the_jvm_is_not_a_base_that_hangs()
    {
        using var folder = new TemporaryFolder();
        using var journal = CommandJournal.Open(folder.Path, NullLogger.Instance);
        var arklet = new FakeArklet { HasFigures = false };
        using var observer = new BaseObserver(
            arklet, journal, new() { HungAfter = TimeSpan.Zero, HungAfterFailures = 1 }, TimeProvider.System, NullLogger.Instance);
        Assert.Null(await observer.ReadAsync(TestContext.Current.CancellationToken));
        Assert.Equal(BaseState.WithoutFigures, observer.View.State);

        arklet.Health = HealthOutcome.NoAnswer;
        Assert.Null(await observer.ReadAsync(TestContext.Current.CancellationToken));
        Assert.Equal(BaseState.Hung, observer.View.State);

        (arklet.Health, arklet.HasFigures) = (HealthOutcome.Answered, true);
        Assert.NotNull(await observer.ReadAsync(TestContext.Current.CancellationToken));
        Assert.Equal(BaseState.Up, observer.View.State);
    }
}
