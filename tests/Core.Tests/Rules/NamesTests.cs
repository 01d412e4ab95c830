using ModuleController.Core.Modules.Facts;
using ModuleController.Core.Modules.Names;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Rules;

public class NamesTests
{
    [Theory]
    [InlineData("orders", "orders-service")]
    [InlineData("shop-2", "shop-2-service")]
    public void A_plain_name_is_the_services(string module, string expected) => Assert.Equal(expected, ServiceNames.For(module));

    [Theory]
    [InlineData("My_Shop", "my-shop-service-")]
    [InlineData("9lives", "m-9lives-service-")]
    [InlineData("a.module.of.fifty-two.characters.is.the.longest.one", "a-module-of-fifty-two-characters-is-the-longest-one")]
    public void A_name_that_has_to_be_changed_gets_a_hash(string module, string beginning)
    {
        var name = ServiceNames.For(module);
        Assert.StartsWith(beginning, name, StringComparison.Ordinal);
        Assert.Matches("^[a-z]([-a-z0-9]*[a-z0-9])?$", name);
        Assert.InRange(name.Length, 1, 63);
        Assert.NotEqual(ServiceNames.For(module.ToUpperInvariant()), name);
    }

    [Fact]
    public void A_long_name_as_a_label_keeps_its_beginning_and_gets_a_hash()
    {
        var (one, two) = (new string('a', 100), new string('a', 101));
        Assert.Equal("base", LabelValues.Of("base"));
        Assert.Equal(63, LabelValues.Of(one).Length);
        Assert.NotEqual(LabelValues.Of(one), LabelValues.Of(two));
    }

    [Fact]
    public void Name_version_and_redeploy_make_a_revision_and_the_url_does_not()
    {
        var one = Revision.Of(A.Template("shop", "1.0.0"));
        Assert.Equal(one, Revision.Of(A.Template("shop", "1.0.0", url: "http://elsewhere/x.jar")));
        Assert.NotEqual(one, Revision.Of(A.Template("shop", "1.0.1")));
        Assert.NotEqual(one, Revision.Of(A.Template("shop", "1.0.0", redeployAt: "now")));
        Assert.NotEqual(one.ReplicaSetName("shop"), one.ReplicaSetName("shop", collisions: 1));
        Assert.InRange(one.ReplicaSetName(new string('n', 253)).Length, 1, 245);
    }
}
