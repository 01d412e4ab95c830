// Reads the TRX and Cobertura files of a test run; prints line coverage per project and, last, "N passed, N failed".
// Fails when a test failed, when none ran, or when a test on the real JVM was skipped although a base jar is named.
using System.Xml.Linq;

var folder = args[0];
var hasRealBase = args.Length > 1 && args[1] == "real-base";

// A line counts as covered when any test project covered it, so the files of all runs are laid over each other.
var lines = new Dictionary<(string Project, string File, int Line), bool>();
foreach (var report in Directory.EnumerateFiles(folder, "*cobertura*.xml", SearchOption.AllDirectories))
{
    foreach (var package in XDocument.Load(report).Descendants("package"))
    {
        var project = package.Attribute("name")!.Value;
        foreach (var type in package.Descendants("class"))
        {
            var file = type.Attribute("filename")!.Value;
            if (file.Contains("/obj/")) continue; // generated
            foreach (var line in type.Descendants("line"))
            {
                var key = (project, file, int.Parse(line.Attribute("number")!.Value));
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

var (passed, failed) = (0, 0);
var skipped = new List<(string Test, string Reason)>();
foreach (var report in Directory.EnumerateFiles(folder, "*.trx", SearchOption.AllDirectories))
{
    foreach (var result in XDocument.Load(report).Descendants().Where(element => element.Name.LocalName == "UnitTestResult"))
    {
        var name = result.Attribute("testName")!.Value;
        var text = string.Join(' ', result.Descendants().Where(e => e.Name.LocalName is "Message" or "StdOut").Select(e => e.Value));
        switch (result.Attribute("outcome")!.Value)
        {
            case "Passed": passed++; break;
            case "NotExecuted": skipped.Add((name, text)); break;
            default: failed++; Console.WriteLine($"FAILED {name}"); break;
        }
    }
}

foreach (var (test, reason) in skipped) Console.WriteLine($"skipped {test}: {reason}");
if (hasRealBase)
{
    foreach (var (test, _) in skipped.Where(skip => skip.Reason.Contains("ARKLET_BASE_JAR")))
    {
        failed++;
        Console.WriteLine($"FAILED {test}: a base jar is named, so a test on the real JVM may not be skipped");
    }
}

Console.WriteLine($"{passed} passed, {failed} failed");
return failed > 0 || passed == 0 ? 1 : 0;
