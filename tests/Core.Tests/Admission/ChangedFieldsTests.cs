using ModuleController.Core.Admission;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Rules;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Admission;

public class ChangedFieldsTests
{
    private const string Port = "spec.operationStrategy.serviceStrategy.port";

    [Fact]
    public void Enabling_the_Service_of_a_ModuleDeployment_without_a_port_is_a_breach_and_leaving_it_enabled_is_none()
    {
        var (off, on) = (Service(false), Service(true));

        Assert.Equal([Port], Reported(on, off));
        Assert.Empty(Reported(on, on));
        Assert.Empty(Reported(off, on));
    }

    [Fact]
    public void Of_labels_each_is_a_field_of_its_own()
    {
        var old = Labels(("a", "1 1"), ("b", "2"));

        Assert.Empty(Reported(Labels(("a", "1 1"), ("b", "3")), old));
        Assert.Equal(["spec.template.metadata.labels[b]"], Reported(Labels(("a", "1 1"), ("b", "2 2")), old));
        Assert.Equal(["spec.template.metadata.labels[a]"], Reported(Labels(("a", "1 2")), old));
        Assert.Equal(["spec.template.metadata.labels[c d]"], Reported(Labels(("a", "1 1"), ("c d", "")), old));
    }

    [Fact]
    public void Too_many_labels_may_stay_and_none_of_them_may_be_exchanged()
    {
        var many = Enumerable.Range(0, 130).Select(i => ($"key-{i}", "")).ToArray();

        Assert.Empty(Reported(Labels(many), Labels(many)));
        Assert.Equal(["spec.template.metadata.labels"], Reported(Labels([.. many[1..], ("other", "")]), Labels(many)));
    }

    [Fact]
    public void Two_long_keys_that_messages_shorten_alike_are_two_fields()
    {
        var (one, other) = (new string('k', 70) + " 1", new string('k', 70) + " 2");

        Assert.Single(Reported(Labels((one, ""), (other, "")), Labels((one, ""))));
    }

    private static IEnumerable<string> Reported(ModuleDeployment @new, ModuleDeployment old) =>
        ChangedFields.Breaches(ModuleRules.Check(@new), ModuleRules.Check(old)).Select(breach => breach.Field);

    private static ModuleDeployment Service(bool isEnabled) =>
        A.ModuleDeployment().Strategy(strategy => strategy with { ServiceStrategy = new() { EnableModuleService = isEnabled } });

    private static ModuleDeployment Labels(params (string Key, string Value)[] labels) => A.ModuleDeployment().With(spec => spec with
    {
        Template = spec.Template with
        {
            Metadata = new() { Labels = labels.ToDictionary(label => label.Key, label => label.Value) },
        },
    });
}
