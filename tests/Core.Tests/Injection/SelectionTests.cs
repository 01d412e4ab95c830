using System.Text.Json.Nodes;
using ModuleController.Core.Injection;

namespace ModuleController.Core.Tests.Injection;

/// <summary>Which pods the two selectors of the webhook match, and which only look like it.</summary>
public class SelectionTests
{
    [Theory]
    [InlineData(null, false, false, false)]
    [InlineData("true", false, false, true)]
    [InlineData("true", true, true, true)]
    [InlineData("false", false, true, false)]
    [InlineData("false", true, true, false)]
    [InlineData(null, true, true, true)]
    [InlineData(null, true, false, false)]
    [InlineData(null, false, true, false)]
    public void A_pod_is_selected_by_its_label_or_by_that_of_its_namespace(string? inject, bool isBase, bool isEnabled, bool isSelected) =>
        Assert.Equal(new InjectionSelection(isSelected, null), Select(inject, isBase, isEnabled));

    [Theory]
    [InlineData("yes", false, false)]
    [InlineData("yes", true, true)]
    [InlineData("True", false, false)]
    [InlineData("", true, true)]
    public void Another_value_of_the_label_is_reported_and_counts_as_absent(string inject, bool isInEnabledNamespace, bool isSelected) =>
        Assert.Equal(
            new InjectionSelection(isSelected, $"label koupleless.io/inject must be \"true\" or \"false\", not \"{inject}\""),
            Select(inject, isInEnabledNamespace, isInEnabledNamespace));

    [Theory]
    [InlineData("kube-system")]
    [InlineData("modulecontroller-system")]
    public void Two_namespaces_are_excluded(string ns)
    {
        Assert.Equal(new(false, $"pods of namespace {ns} never get the agent"), Select("true", false, false, ns));
        Assert.Equal(new(false, $"pods of namespace {ns} never get the agent"), Select(null, true, true, ns));
        Assert.Equal(new(false, null), Select(null, false, true, ns));
    }

    [Fact]
    public void A_label_without_quotes_in_a_manifest_is_reported() => Assert.Equal(
        new(false, "label koupleless.io/inject must be a string: write \"true\" with quotes"),
        InjectionSelection.Of(new() { [InjectionKeys.Inject] = true }, "shop", new Dictionary<string, string>(), "system"));

    [Fact]
    public void Another_value_of_the_namespaces_label_enables_nothing()
    {
        var labels = new Dictionary<string, string> { [InjectionKeys.NamespaceInjection] = "true" };
        Assert.False(InjectionSelection.Of(new() { [InjectionKeys.Base] = "" }, "shop", labels, "system").IsSelected);
    }

    private static InjectionSelection Select(string? inject, bool isBase, bool isEnabled, string ns = "shop")
    {
        var labels = new JsonObject();
        if (inject is not null) labels[InjectionKeys.Inject] = inject;
        if (isBase) labels[InjectionKeys.Base] = "any";
        return InjectionSelection.Of(
            labels, ns, new Dictionary<string, string> { [InjectionKeys.NamespaceInjection] = isEnabled ? "enabled" : "disabled" },
            "modulecontroller-system");
    }
}
