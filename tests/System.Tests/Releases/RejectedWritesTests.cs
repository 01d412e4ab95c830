using ModuleController.ControlPlane.Reconcilers;
using ModuleController.Core.Meta;

namespace ModuleController.SystemTests.Releases;

public sealed class RejectedWritesTests
{
    private static readonly ObjectKey Shop = new("default", "shop");
    private static readonly ObjectKey Stock = new("default", "stock");

    private readonly RejectedWrites _rejections = new();
    private readonly List<(ObjectKey, string?)> _changes = [];

    public RejectedWritesTests() => _rejections.Subscribe((key, message) => _changes.Add((key, message)));

    [Fact]
    public void A_rejection_is_announced_once_and_so_is_its_end()
    {
        for (var i = 0; i < 3; i++) Report("placement", (Shop, "no"), (Stock, "never"));
        Assert.Equal(("no", "never"), (_rejections.Find(Shop), _rejections.Find(Stock)));
        for (var i = 0; i < 3; i++) Report("placement", (Stock, "never"));
        Assert.Equal((null, "never"), (_rejections.Find(Shop), _rejections.Find(Stock)));
        Assert.Equal([(Shop, "no"), (Stock, "never"), (Shop, null)], _changes);
    }

    [Fact]
    public void Of_several_sources_one_is_shown_until_it_ends()
    {
        Report("a", (Shop, "of a"));
        Report("b", (Shop, "of b"));
        Assert.Equal("of a", _rejections.Find(Shop));
        Report("a");
        Assert.Equal("of b", _rejections.Find(Shop));
        Report("b");
        Assert.Null(_rejections.Find(Shop));
        Assert.Equal([(Shop, "of a"), (Shop, "of b"), (Shop, null)], _changes);
    }

    private void Report(string source, params (ObjectKey Key, string Message)[] rejections) =>
        _rejections.Report(source, rejections.ToDictionary(item => item.Key, item => item.Message));
}
