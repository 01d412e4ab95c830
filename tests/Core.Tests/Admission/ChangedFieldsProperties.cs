using CsCheck;
using ModuleController.Core.Admission;
using ModuleController.Core.Modules;
using ModuleController.Core.Modules.Rules;
using ModuleController.Core.Tests.World;

namespace ModuleController.Core.Tests.Admission;

/// <summary>What holds for every update. An object is a choice of one value for each field; the first value is valid.</summary>
public class ChangedFieldsProperties
{
    private static readonly (string Field, Func<ModuleDeployment, ModuleDeployment>[] Values)[] Fields =
    [
        Source("url", "http://jars/a.jar", (source, text) => source with { Url = text }, "ftp://x/a.jar", "http://[", ""),
        Source("md5", "", (source, text) => source with { Md5 = text }, "abc", "abcd"),
        Source("name", "shop", (source, text) => source with { Name = text }, "a b", "", new string('n', 60)),
        ("spec.template.metadata.labels[owner]", [.. new[] { "me", "a b", "张三" }.Select(Label)]),
        ("spec.template.metadata.annotations", [.. new[] { 1, 262_144, 262_145 }.Select(Annotation)]),
        ("spec.operationStrategy.installTimeoutSeconds", [.. new[] { 1, 0, 100_000 }.Select(seconds =>
            Strategy(strategy => strategy with { InstallTimeoutSeconds = seconds }))]),
        ("spec.operationStrategy.upgradePolicy", [.. new[] { "", "sideways", "up" }.Select(policy =>
            Strategy(strategy => strategy with { UpgradePolicy = policy }))]),
        ("spec.replicas", [.. new[] { 0, -2, -3 }.Select(replicas =>
            (Func<ModuleDeployment, ModuleDeployment>)(deployment => deployment.With(spec => spec with { Replicas = replicas })))]),
        ("spec.hooks.preInstall.path", [.. new[] { "/", "ready", null }.Select(path => (Func<ModuleDeployment, ModuleDeployment>)(
            deployment => deployment.With(spec => spec with { Hooks = new() { PreInstall = new() { Port = 80, Path = path } } })))]),
    ];

    private static readonly Gen<int[]> Choices = Gen.Int[0, 3].Array[Fields.Length];

    [Fact]
    public void An_unchanged_object_has_no_breaches_whatever_it_contains() =>
        Choices.Sample(choices => Assert.Empty(Reported(Object(choices), Object(choices))), iter: 500);

    [Fact]
    public void Exactly_the_breaches_of_changed_fields_are_reported() => Gen.Select(Choices, Choices).Sample((before, after) =>
    {
        var changed = Fields.Where((field, index) => ValueOf(before, index) != ValueOf(after, index)).Select(field => field.Field);
        var expected = ModuleRules.Check(Object(after)).Where(breach => changed.Contains(breach.Field));
        Assert.Equal(expected.Select(breach => $"{breach}"), Reported(Object(after), Object(before)).Select(breach => $"{breach}"));
    }, iter: 1000);

    [Fact]
    public void A_breach_can_always_be_removed() => Gen.Select(Choices, Gen.Int[0, Fields.Length - 1]).Sample((choices, index) =>
    {
        var corrected = (int[])choices.Clone();
        corrected[index] = 0;
        Assert.Empty(Reported(Object(corrected), Object(choices)));
    }, iter: 500);

    private static IEnumerable<RuleBreach> Reported(ModuleDeployment @new, ModuleDeployment old) =>
        ChangedFields.Breaches(ModuleRules.Check(@new), ModuleRules.Check(old));

    private static ModuleDeployment Object(int[] choices) => choices.Select((_, index) => Fields[index].Values[ValueOf(choices, index)])
        .Aggregate(A.ModuleDeployment(), (deployment, set) => set(deployment));

    private static int ValueOf(int[] choices, int index) => choices[index] % Fields[index].Values.Length;

    private static (string, Func<ModuleDeployment, ModuleDeployment>[]) Source(
        string field, string valid, Func<ModuleSource, string, ModuleSource> change, params string[] invalid) =>
        ($"{ModuleRules.ModulePath}.{field}", [.. new[] { valid }.Concat(invalid).Select(text =>
            Template(template => template with { Spec = template.Spec with { Module = change(template.Spec.Module, text) } }))]);

    private static Func<ModuleDeployment, ModuleDeployment> Label(string value) => Template(template => template with
    {
        Metadata = template.Metadata with { Labels = new Dictionary<string, string> { ["owner"] = value } },
    });

    private static Func<ModuleDeployment, ModuleDeployment> Annotation(int length) => Template(template => template with
    {
        Metadata = template.Metadata with { Annotations = new Dictionary<string, string> { ["note"] = new('x', length) } },
    });

    private static Func<ModuleDeployment, ModuleDeployment> Template(Func<ModuleTemplateSpec, ModuleTemplateSpec> change) =>
        deployment => deployment.With(spec => spec with { Template = change(spec.Template) });

    private static Func<ModuleDeployment, ModuleDeployment> Strategy(Func<OperationStrategy, OperationStrategy> change) =>
        deployment => deployment.Strategy(change);
}
