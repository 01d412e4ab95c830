using System.Reflection;

namespace ModuleController.Kube.Tests.Conformance;

/// <summary>docs/devcluster.md promises nothing that is not tested, and keeps quiet about nothing that is.</summary>
public sealed class DocumentTests
{
    [Theory]
    [InlineData("Does", new[] { typeof(ServingTests), typeof(WritingTests), typeof(PatchingTests),
        typeof(DeletingTests), typeof(WatchingTests), typeof(CustomResourceTests), typeof(SubresourceTests),
        typeof(AccessTests), typeof(AccountTokenTests), typeof(QuotaTests), typeof(AdmissionTests), typeof(AdmissionReviewTests),
        typeof(AdmissionMatchTests), typeof(AdmissionFailureTests), typeof(WebhookConfigurationTests) })]
    [InlineData("Faults", new[] { typeof(FaultTests) })]
    [InlineData("Rejects", new[] { typeof(RejectionTests) })]
    public async Task Each_line_of_the_document_is_a_test(string section, Type[] classes)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "ModuleController.sln")))
            folder = folder.Parent;
        var lines = await File.ReadAllLinesAsync(Path.Combine(folder!.FullName, "docs", "devcluster.md"),
            TestContext.Current.CancellationToken);
        var promised = lines.SkipWhile(line => line != $"## {section}").Skip(1)
            .TakeWhile(line => !line.StartsWith("## ", StringComparison.Ordinal))
            .Where(line => line.StartsWith("- ", StringComparison.Ordinal)).Select(line => line[2..]);
        var tested = classes.SelectMany(one => one.GetMethods())
            .Where(method => method.GetCustomAttributes<FactAttribute>().Any())
            .Select(method => method.Name.Replace('_', ' '));
        Assert.Equal(tested.Order(StringComparer.Ordinal), promised.Order(StringComparer.Ordinal));
    }
}
