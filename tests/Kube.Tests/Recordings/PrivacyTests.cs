using System.Text.RegularExpressions;

namespace ModuleController.Kube.Tests.Recordings;

/// <summary>Recordings say how an API server answers, and nothing about the machine on which they were made.</summary>
public sealed partial class PrivacyTests
{
    [Fact]
    public void Recordings_contain_nothing_of_the_machine_that_made_them()
    {
        var files = Directory.GetFiles(Repository.Fixture(""), "*.json", SearchOption.AllDirectories);
        Assert.NotEmpty(files);
        var found = files.SelectMany(file => Findings(File.ReadAllText(file)).Select(text => $"{Path.GetFileName(file)}: {text}"));
        Assert.Equal([], found.Distinct());
    }

    [Theory]
    [InlineData("10.96.0.1")]
    [InlineData("/home/someone/kubeconfig")]
    [InlineData("\"gitVersion\"")]
    [InlineData("6b9f2a4e-0c1d-4e5f-8a7b-1234567890ab")]
    [InlineData("eyJhbGciOiJSUzI1NiIsImtpZCI6")]
    [InlineData("2026-05-04T12:13:14Z")]
    [InlineData("system:masters")]
    public void Such_data_is_found(string text) => Assert.NotEmpty(Findings($"\"{text}\""));

    private static IEnumerable<string> Findings(string text) => Private().Matches(text).Select(match => match.Value)
        .Concat(((string[])[Environment.MachineName, Environment.UserName])
            .Where(name => name.Length > 4 && text.Contains(name, StringComparison.Ordinal)));

    /// <summary>Addresses, paths, build data, uids, tokens, certificates, times of day, administrators and distributions.</summary>
    [GeneratedRegex(@"\b\d{1,3}(\.\d{1,3}){3}\b|/(root|home|Users|tmp|var|opt)/|gitVersion|gitCommit|buildDate|goVersion|managedFields"
        + @"|\b(?!00000000)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|eyJ[A-Za-z0-9_-]{16,}|-----BEGIN"
        + @"|\b20\d\d-\d\d-\d\dT(?!00:00:0)|system:masters|kubernetes-admin|openshift|minikube|localhost")]
    private static partial Regex Private();
}
