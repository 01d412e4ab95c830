// Reads the TRX and Cobertura files of a test run.
//   failed FOLDER              prints, a line per project, its name and the filters that run its failed tests again
//   summary FOLDER [real-base] prints line coverage per project, what was skipped, flaky or failed, and, last, "N passed, N failed"
// The summary fails when a test failed twice, when none ran, or when a test on the real JVM was skipped although a base jar is named.
using System.Xml.Linq;

const int MostRetried = 10; // more failures than these are no accident
var (command, folder) = (args[0], args[1]);
var first = ResultsIn(Directory.EnumerateFiles(folder, "*.trx")).ToList();
var failed = first.Where(result => result.IsFailed).ToList();
var retried = Path.Combine(folder, "retry");

if (command == "failed")
{
    if (failed.Count <= MostRetried)
    {
        foreach (var project in failed.GroupBy(result => result.Project))
            Console.WriteLine($"{project.Key} {string.Join(' ', project.Select(result => $"--filter-method {result.Method}").Distinct())}");
    }

    return 0;
}

PrintCoverage();
var second = Directory.Exists(retried)
    ? ResultsIn(Directory.EnumerateFiles(retried, "*.trx")).ToLookup(result => (result.Project, result.Test))
    : Array.Empty<Result>().ToLookup(result => (result.Project, result.Test));
var failures = new List<string>();
foreach (var result in failed)
{
    var again = second[(result.Project, result.Test)].ToList();
    if (again.Count > 0
        && again.All(retry => retry.IsPassed)) Console.WriteLine(
        $"FLAKY {result.Test}: failed, then passed when it ran alone\n{result.Text}");
    else failures.Add(result.Test);
}

var skipped = first.Where(result => result.IsSkipped).ToList();
foreach (var result in skipped) Console.WriteLine($"skipped {result.Test}: {result.Text}");
if (args.Contains("real-base"))
{
    failures.AddRange(skipped.Where(skip => skip.Text.Contains("ARKLET_BASE_JAR"))
        .Select(skip => $"{skip.Test}: a base jar is named, so a test on the real JVM may not be skipped"));
}

foreach (var failure in failures) Console.WriteLine($"FAILED {failure}");
var passed = first.Count(result => !result.IsSkipped) - failures.Count(failure => failed.Exists(result => result.Test == failure));
Console.WriteLine($"{passed} passed, {failures.Count} failed");
return failures.Count > 0 || passed == 0 ? 1 : 0;

static IEnumerable<Result> ResultsIn(IEnumerable<string> reports)
{
    foreach (var report in reports)
    {
        var elements = XDocument.Load(report).Descendants().ToList();
        var methods = elements.Where(element => element.Name.LocalName == "UnitTest").ToDictionary(
            test => test.Attribute("id")!.Value,
            test => test.Elements().Single(element => element.Name.LocalName == "TestMethod"));
        // ModuleController.Core.Tests_net10.0_x64.trx
        var project = Path.GetFileName(report).Split('_')[0]["ModuleController.".Length..];
        foreach (var result in elements.Where(element => element.Name.LocalName == "UnitTestResult"))
        {
            var method = methods[result.Attribute("testId")!.Value];
            yield return new(
                project,
                result.Attribute("testName")!.Value,
                $"{method.Attribute("className")!.Value}.{method.Attribute("name")!.Value.Split('(')[0].Split('.')[^1]}",
                result.Attribute("outcome")!.Value,
                string.Join(' ', result.Descendants().Where(element => element.Name.LocalName is "Message" or "StdOut")
                    .Select(element => element.Value)));
        }
    }
}

// A line counts as covered when any test project covered it, so the files of all runs are laid over each other.
void PrintCoverage()
{
    // By type: each report names files from a folder of its own.
    var lines = new Dictionary<(string Project, string Type, int Line), bool>();
    foreach (var report in Directory.EnumerateFiles(folder, "*cobertura*.xml", SearchOption.AllDirectories))
    {
        foreach (var package in XDocument.Load(report).Descendants("package"))
        {
            var project = package.Attribute("name")!.Value;
            if (!project.StartsWith("ModuleController.", StringComparison.Ordinal)) continue;
            foreach (var type in package.Descendants("class"))
            {
                if (type.Attribute("filename")!.Value.Contains("/obj/")) continue; // generated
                foreach (var line in type.Descendants("line"))
                {
                    var key = (project, type.Attribute("name")!.Value, int.Parse(line.Attribute("number")!.Value));
                    lines[key] = lines.GetValueOrDefault(key) || line.Attribute("hits")!.Value != "0";
                }
            }
        }
    }

    foreach (var project in lines.GroupBy(line => line.Key.Project).Where(g => !g.Key.EndsWith("Tests")).OrderBy(g => g.Key))
    {
        var (covered, all) = (project.Count(line => line.Value), project.Count());
        Console.WriteLine($"line coverage {project.Key,-36} {100.0 * covered / all,5:F1} %  ({covered} of {all})");
    }
}

internal sealed record Result(string Project, string Test, string Method, string Outcome, string Text)
{
    public bool IsPassed => Outcome == "Passed";

    public bool IsSkipped => Outcome == "NotExecuted";

    public bool IsFailed => !IsPassed && !IsSkipped;
}
