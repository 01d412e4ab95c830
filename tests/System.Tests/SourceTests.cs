using System.Text.RegularExpressions;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests;

/// <summary>The form of the code, where neither compiler nor analyzers hold it.</summary>
public sealed partial class SourceTests
{
    private static readonly string[] Folders = ["src", "agent", "tests"];

    [Fact]
    public void A_line_has_at_most_140_columns_but_for_texts() => Assert.Empty(
        from file in Sources(Folders)
        from line in WithoutRawStrings(File.ReadAllText(file)).Split('\n').Index()
        where line.Item.Length > 140 && Text().Replace(line.Item, "").Length > 100
        select $"{file}:{line.Index + 1}");

    [Fact]
    public void A_file_has_at_most_300_lines() => Assert.DoesNotContain(Sources(Folders), file => File.ReadLines(file).Count() > 300);

    [Fact]
    public void A_namespace_has_at_most_30_types() => Assert.Empty(
        from file in Sources("src", "agent")
        let text = File.ReadAllText(file)
        group Type().Count(text) by Namespace().Match(text).Groups["name"].Value into types
        where types.Key.Length > 0 && types.Sum() > 30
        select $"{types.Key}: {types.Sum()}");

    [Fact]
    public void No_namespace_uses_itself_through_others()
    {
        var uses = Sources("src", "agent").Select(File.ReadAllText)
            .Select(text => (Name: Namespace().Match(text).Groups["name"].Value, Used: Using().Matches(text)))
            .GroupBy(file => file.Name, file => file.Used.Select(used => used.Groups["name"].Value))
            .ToDictionary(files => files.Key, files => files.SelectMany(used => used).Where(used => used != files.Key).ToHashSet());
        // What uses only what is known to be free of circles is free of them, too.
        var free = new HashSet<string>();
        while (uses.FirstOrDefault(item => !free.Contains(item.Key) && IsFree(item.Value)) is { Key: { } next }) free.Add(next);
        Assert.Empty(uses.Keys.Except(free));

        bool IsFree(HashSet<string> used) => used.All(name => free.Contains(name) || !uses.ContainsKey(name));
    }

    private static IEnumerable<string> Sources(params string[] folders) => folders
        .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Manifests.Root, folder), "*.cs", SearchOption.AllDirectories))
        .Where(file => !Path.GetRelativePath(Manifests.Root, file).Split('/').Any(part => part is "bin" or "obj" or "artifacts"));

    private static string WithoutRawStrings(string text) =>
        RawString().Replace(text, raw => new string('\n', raw.Value.Count(character => character == '\n')));

    [GeneratedRegex("\"{3,}.*?\"{3,}", RegexOptions.Singleline)]
    private static partial Regex RawString();

    [GeneratedRegex(@"""(\\.|[^""\\])*""")]
    private static partial Regex Text();

    [GeneratedRegex(@"^namespace (?<name>[\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex(@"^using (static |\w+ = )?(?<name>ModuleController\.[\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Using();

    [GeneratedRegex(
        "^(public |internal |static |sealed |abstract |readonly |partial )*(class|record struct|record|struct|interface|enum|delegate) ",
        RegexOptions.Multiline)]
    private static partial Regex Type();
}
