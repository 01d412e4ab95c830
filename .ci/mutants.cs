// Changes the planners in one place at a time and runs their tests: a change that no test notices is a behaviour that none states.
//   dotnet run --file .ci/mutants.cs -- [SEED [COUNT]]    works on a copy of HEAD; about 30 s for each mutant
// Ends with "N killed, N survived" and fails only when the tests fail without a mutant. A survivor may be equal in behaviour: read it.
using System.Diagnostics;
using System.Text.RegularExpressions;

var seed = args.Length > 0 ? int.Parse(args[0]) : 1;
var count = args.Length > 1 ? int.Parse(args[1]) : 40;
var copy = Path.GetFullPath("artifacts/mutants");
if (Directory.Exists(copy)) Directory.Delete(copy, recursive: true);
Directory.CreateDirectory(copy);
Check(Run(".", "sh", "-c", $"git archive HEAD | tar x -C '{copy}'"), "copy");
Check(Build(), "build");
Check(Test(), "tests without a mutant");

var places = Planners().SelectMany(Places).ToList();
new Random(seed).Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(places));
Console.WriteLine($"seed {seed}: {places.Count} places");
var survivors = new List<string>();
var killed = 0;
foreach (var place in places)
{
    if (killed + survivors.Count == count) break;
    var original = File.ReadAllText(place.File);
    File.WriteAllText(place.File, original[..place.At] + place.New + original[(place.At + place.Old.Length)..]);
    try
    {
        if (!Build()) continue;
        var text = $"{Path.GetRelativePath(copy, place.File)}:{original[..place.At].Count(c => c == '\n') + 1}: {place.Old.Trim()} "
            + $"became {place.New.Trim()}";
        var isKilled = !Test();
        if (isKilled) killed++;
        else survivors.Add(text);
        Console.WriteLine($"{(isKilled ? "killed  " : "SURVIVED")} {text}");
    }
    finally
    {
        File.WriteAllText(place.File, original);
    }
}

Console.WriteLine($"{killed} killed, {survivors.Count} survived");

IEnumerable<string> Planners() => new[] { "Agents", "BasePods", "Commands", "Execution", "Placement", "Rollouts" }
    .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(copy, "src/Core", folder), "*.cs", SearchOption.AllDirectories))
    .Order(StringComparer.Ordinal);

static IEnumerable<Place> Places(string file)
{
    (string Old, string New)[] changes =
    [
        (" && ", " || "), (" || ", " && "), (" == ", " != "), (" != ", " == "), (" < ", " <= "), (" <= ", " < "), (" > ", " >= "),
        (" >= ", " > "), (" + ", " - "), (" - ", " + "), ("(!", "("), (" !", " "), ("true", "false"), ("false", "true"), (".Any(", ".All("),
        (".All(", ".Any("), ("Math.Min(", "Math.Max("), ("Math.Max(", "Math.Min("), (".OrderBy(", ".OrderByDescending("),
        (".OrderByDescending(", ".OrderBy("), (".MinBy(", ".MaxBy("), (".MaxBy(", ".MinBy("), (" is not null", " is null"),
    ];
    var text = File.ReadAllText(file);
    // Texts and comments are blanked at equal length, so that positions stay.
    var code = Regex.Replace(text, @"//[^\n]*|\$?""(\\.|[^""\\\n])*""", match => new string('_', match.Length));
    foreach (var (old, replacement) in changes)
        for (var at = code.IndexOf(old, StringComparison.Ordinal); at >= 0; at = code.IndexOf(old, at + 1, StringComparison.Ordinal))
            yield return new(file, at, old, replacement);
}

bool Build() => Run(copy, "dotnet", "build", "tests/Core.Tests", "-v", "quiet", "-p:RunAnalyzers=false", "-p:TreatWarningsAsErrors=false");

bool Test() => Run(copy, "dotnet", "artifacts/bin/Core.Tests/debug/ModuleController.Core.Tests.dll", "-stopOnFail");

// A mutant that never ends is one that was noticed.
static bool Run(string folder, string program, params string[] arguments)
{
    using var process = Process.Start(new ProcessStartInfo(program, arguments)
    {
        WorkingDirectory = folder,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;
    process.OutputDataReceived += (_, _) => { };
    process.ErrorDataReceived += (_, _) => { };
    process.BeginOutputReadLine();
    process.BeginErrorReadLine();
    if (process.WaitForExit(TimeSpan.FromMinutes(10))) return process.ExitCode == 0;
    process.Kill(entireProcessTree: true);
    process.WaitForExit();
    return false;
}

static void Check(bool isDone, string what)
{
    if (isDone) return;
    Console.Error.WriteLine($"{what} failed");
    Environment.Exit(1);
}

internal sealed record Place(string File, int At, string Old, string New);
