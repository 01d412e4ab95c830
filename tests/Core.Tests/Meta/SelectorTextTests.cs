using ModuleController.Core.Meta;

namespace ModuleController.Core.Tests.Meta;

public sealed class SelectorTextTests
{
    private static readonly Dictionary<string, string> Labels = new() { ["app"] = "shop", ["example.com/tier"] = "web", ["empty"] = "" };

    [Theory]
    [InlineData("", true)]
    [InlineData("app=shop", true)]
    [InlineData("app==shop", true)]
    [InlineData(" app = shop , example.com/tier in ( api, web ) ", true)]
    [InlineData("app=other", false)]
    [InlineData("app", true)]
    [InlineData("missing", false)]
    [InlineData("!missing", true)]
    [InlineData("!app", false)]
    [InlineData("app!=other", true)]
    [InlineData("app!=shop", false)]
    [InlineData("missing!=shop", true)]
    [InlineData("app in (a,b)", false)]
    [InlineData("app notin (a,b)", true)]
    [InlineData("app notin (shop)", false)]
    [InlineData("missing notin (shop)", true)]
    [InlineData("empty=", true)]
    [InlineData("empty=,app", true)]
    [InlineData("app=", false)]
    public void Objects_are_selected_as_kubectl_selects_them(string text, bool isSelected)
    {
        var selector = SelectorText.Parse(text, out var error);

        Assert.Equal("", error);
        Assert.Equal(isSelected, selector!.Matches(Labels));
    }

    [Theory]
    [InlineData("app=shop,", 2)]
    [InlineData(",app=shop", 1)]
    [InlineData("app=shop tier=web", 1)]
    [InlineData("app in web", 1)]
    [InlineData("app in (web", 1)]
    [InlineData("app>1", 1)]
    [InlineData("-app=shop", 1)]
    [InlineData("app=-shop", 1)]
    [InlineData("a/b/c=d", 1)]
    [InlineData("/app", 1)]
    [InlineData("Example.com/app", 1)]
    [InlineData("ok,äpp=shop", 2)]
    [InlineData("!app=shop", 1)]
    [InlineData("ok,app=0123456789012345678901234567890123456789012345678901234567890123", 2)]
    public void What_is_no_selector_is_named(string text, int requirement)
    {
        Assert.Null(SelectorText.Parse(text, out var error));
        Assert.Equal($"is no label selector from requirement {requirement} on", error);
    }
}
