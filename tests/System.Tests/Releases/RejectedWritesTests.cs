using ModuleController.ControlPlane.Reconcilers;
using ModuleController.Core.Meta;
using ModuleController.Kube;

namespace ModuleController.SystemTests.Releases;

public sealed class RejectedWritesTests
{
    private static readonly ObjectKey Shop = new("default", "shop");
    private static readonly DateTimeOffset Start = DateTimeOffset.UnixEpoch;

    private readonly RejectedWrites _rejections = new();
    private int _changes;

    public RejectedWritesTests() => _rejections.Subscribe(_ => _changes++);

    [Fact]
    public void A_rejection_is_reported_when_it_has_lasted_for_five_seconds()
    {
        Assert.Null(_rejections.Add(Shop, Denied("no"), Start));
        Assert.Null(_rejections.Add(Shop, Denied("no"), Start.AddSeconds(4)));
        Assert.Null(_rejections.Find(Shop));
        Assert.Equal("403 Forbidden: no", _rejections.Add(Shop, Denied("no"), Start.AddSeconds(5)));
        Assert.Equal("403 Forbidden: no", _rejections.Find(Shop));
        Assert.Equal(1, _changes);
    }

    [Fact]
    public void A_message_that_differs_from_request_to_request_is_reported_once()
    {
        for (var second = 0; second < 60; second++) _rejections.Add(Shop, Denied($"request {second} is denied"), Start.AddSeconds(second));
        Assert.Equal("403 Forbidden: request 0 is denied", _rejections.Find(Shop));
        Assert.Equal(1, _changes);
    }

    [Fact]
    public void A_rejection_of_another_kind_replaces_the_message_and_a_success_ends_it()
    {
        _rejections.Add(Shop, Denied("no"), Start);
        _rejections.Add(Shop, Denied("no"), Start.AddSeconds(5));
        Assert.Equal("422 Invalid: port is taken", _rejections.Add(Shop, new(422, "Invalid", "port is taken"), Start.AddSeconds(6)));
        Assert.True(_rejections.Forget(Shop));
        Assert.Null(_rejections.Find(Shop));
        Assert.Equal(3, _changes);
    }

    private static KubeError Denied(string message) => new(403, "Forbidden", message);
}
