using Google.Rpc;
using Grpc.Core;
using ModuleController.ControlPlane.Control.Requests;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using Api = ModuleController.Client.V1;

namespace ModuleController.SystemTests.Control;

/// <summary>What a request for a list selects, in which order, and how it goes on from page to page.</summary>
public sealed class ListQueryTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private static readonly List<ModuleDeployment> All =
    [
        Named("b", "one", 3, ("app", "x")), Named("a", "two", 2), Named("a", "one", 1, ("app", "x")), Named("b", "two", 1), Named("c", "one", 2),
    ];

    [Theory]
    [InlineData("", "a/one a/two b/one b/two c/one")]
    [InlineData("name desc", "c/one b/two b/one a/two a/one")]
    [InlineData("create_time", "a/one b/two a/two c/one b/one")]
    [InlineData(" create_time  desc ", "b/one c/one a/two b/two a/one")]
    public void Pages_of_every_size_are_the_whole_list_in_its_order(string order, string names)
    {
        foreach (var size in Enumerable.Range(1, 6)) Assert.Equal(names, string.Join(' ', Pages(All, Fields(order: order, size: size))));
    }

    [Fact]
    public void Namespace_selector_and_permission_select_objects()
    {
        Assert.Equal(["b/one", "b/two"], Pages(All, Fields(parent: "namespaces/b")));
        Assert.Equal(["a/one", "b/one"], Pages(All, Fields(selector: "app=x")));
        Assert.Equal(["a/one", "a/two", "c/one"], Pages(All, Fields(size: 1), ns => ns != "b"));
    }

    [Fact]
    public void A_page_goes_on_behind_an_object_that_was_deleted_and_before_one_that_was_created()
    {
        var (page, token) = Page(All, Fields(size: 2));
        Assert.Equal(["a/one", "a/two"], page);

        List<ModuleDeployment> changed = [.. All.Where(item => item.Metadata.Name != "two"), Named("a", "zwei", 9), Named("a", "0", 9)];
        Assert.Equal(["a/zwei", "b/one", "c/one"], Pages(changed, Fields(size: 2, token: token)));
    }

    [Fact]
    public void A_page_ends_before_it_is_too_large_for_clients()
    {
        var large = Enumerable.Range(0, 20).Select(number => Named("a", $"{number:00}", 1, ("app", new string('x', 300_000)))).ToList();

        var (page, token) = Page(large, Fields());
        Assert.InRange(page.Count, 2, 8);
        Assert.Equal(20 - page.Count, Pages(large, Fields(token: token)).Count);
    }

    [Fact]
    public void All_wrong_fields_are_named_at_once() => Refused(
        Fields(parent: "shop", size: -1, order: "uid", selector: "a b", token: "?"),
        ("parent", "must be namespaces/NAME, or namespaces/- for all"), ("page_size", "must not be negative"),
        ("order_by", "must be name or create_time, which desc may follow"),
        ("label_selector", "is no label selector from requirement 1 on"), ("page_token", "is not a next_page_token"));

    [Theory]
    [InlineData("namespaces/a", "", "")]
    [InlineData("namespaces/-", "app=x", "")]
    [InlineData("namespaces/-", "", "name desc")]
    public void The_token_of_another_list_is_refused(string parent, string selector, string order)
    {
        var (_, token) = Page(All, Fields(size: 1));

        Refused(
            Fields(parent, selector: selector, order: order, token: token),
            ("page_token", "belongs to another list: parent, label_selector and order_by must be those of the page before"));
    }

    [Theory]
    [InlineData("x")]
    [InlineData("AAAA")]
    [InlineData("ü")]
    [InlineData("YQotMQpiCmM")]
    public void What_is_no_token_is_refused(string token) => Refused(Fields(token: token), ("page_token", "is not a next_page_token"));

    [Fact]
    public void A_selector_has_a_length() => Refused(
        Fields(selector: new('a', ListQuery.MaxSelector + 1)), ("label_selector", "must have at most 1024 characters"));

    [Theory]
    [InlineData(0, ListQuery.DefaultPageSize)]
    [InlineData(7, 7)]
    [InlineData(int.MaxValue, ListQuery.MaxPageSize)]
    public void A_page_has_a_size(int asked, int given) =>
        Assert.Equal(given, ListQuery.Parse(ModuleDeployment.Kind, Fields(size: asked)).PageSize);

    private static ListFields Fields(
        string parent = "namespaces/-", int size = 0, string token = "", string selector = "", string order = "") =>
        new(parent, size, token, selector, order);

    private static (IReadOnlyList<string> Page, string Next) Page(
        IEnumerable<ModuleDeployment> all, ListFields fields, Func<string, bool>? isPermitted = null)
    {
        var (page, next) = ListQuery.Parse(ModuleDeployment.Kind, fields).Of(all, isPermitted ?? (_ => true), deployment =>
            new Api.ModuleDeployment
            {
                Name = ObjectKey.Of(deployment.Metadata).ToString(),
                Labels = { deployment.Metadata.Labels.ToDictionary() },
            });
        return ([.. page.Select(item => item.Name)], next);
    }

    private static List<string> Pages(IReadOnlyList<ModuleDeployment> all, ListFields fields, Func<string, bool>? isPermitted = null)
    {
        var names = new List<string>();
        do
        {
            var (page, next) = Page(all, fields, isPermitted);
            names.AddRange(page);
            fields = fields with { PageToken = next };
        }
        while (fields.PageToken.Length > 0);
        return names;
    }

    private static void Refused(ListFields fields, params (string Field, string Why)[] violations)
    {
        var exception = Assert.Throws<RpcException>(() => ListQuery.Parse(ModuleDeployment.Kind, fields));
        Assert.Equal(StatusCode.InvalidArgument, exception.StatusCode);
        Assert.Equal(violations, exception.GetRpcStatus()!.GetDetail<BadRequest>().FieldViolations.Select(item =>
            (item.Field, item.Description)));
        Assert.Equal(string.Join("; ", violations.Select(item => $"{item.Field}: {item.Why}")), exception.Status.Detail);
    }

    private static ModuleDeployment Named(string ns, string name, int second, params (string Key, string Value)[] labels) => new()
    {
        Metadata = new()
        {
            Namespace = ns,
            Name = name,
            CreationTimestamp = Start.AddSeconds(second),
            Labels = labels.ToDictionary(label => label.Key, label => label.Value),
        },
    };
}
