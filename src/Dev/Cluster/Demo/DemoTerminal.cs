using Spectre.Console;

namespace ModuleController.Dev.Cluster.Demo;

/// <summary>
/// Prints lines with the seconds since the start. A terminal also gets colours, unless NO_COLOR is set, and a spinner while the demo waits.
/// </summary>
internal sealed class DemoTerminal(IAnsiConsole console, TimeProvider time)
{
    private const int RedirectedWidth = 1_000; // so that a line of a file is never wrapped
    private const int Margin = 11;
    private const int TextWidth = 32;
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(100);

    private readonly long _began = time.GetTimestamp();

    /// <summary>What the demo waits for, or waited for last.</summary>
    public string Awaited { get; private set; } = "the start";

    public TimeSpan Elapsed => time.GetElapsedTime(_began);

    private bool IsTerminal => console.Profile.Capabilities is { Ansi: true, Interactive: true };

    public static DemoTerminal OfConsole(TimeProvider time)
    {
        // Without this, Spectre writes colours to a file on build systems that it recognizes.
        var console = AnsiConsole.Create(new()
        {
            Ansi = Console.IsOutputRedirected ? AnsiSupport.No : AnsiSupport.Detect,
            Enrichment = new() { UseDefaultEnrichers = false },
        });
        if (Console.IsOutputRedirected) console.Profile.Width = RedirectedWidth;
        return new(console, time);
    }

    public void Title(string text) => console.MarkupLineInterpolated($"[bold]{text}[/]\n");

    public void Chapter(string text) => console.MarkupLineInterpolated($"\n[bold aqua]{text}[/]");

    public void Text(string text) => console.WriteLine(text);

    /// <param name="about">Explains what happened.</param>
    public void Line(string text, string about = "") => Timed("default", text, about);

    public void Good(string text, string about = "") => Timed("green", text, about);

    public void Bad(string text, string about = "") => Timed("red", text, about);

    public void Note(string text) => console.Write(new Padder(new Text(text, Style.Parse("grey")), new(Margin, 0, 0, 0)));

    public void Table(IReadOnlyList<string> head, IEnumerable<IReadOnlyList<string>> rows)
    {
        var table = new Table().Border(IsTerminal ? TableBorder.Rounded : TableBorder.Simple).BorderColor(Color.Grey);
        foreach (var title in head) table.AddColumn(new TableColumn(new Text(title, Style.Parse("grey"))).NoWrap());
        foreach (var row in rows) table.AddRow(row.Select(cell => new Text(cell)));
        console.WriteLine();
        console.Write(table);
    }

    /// <summary>Waits until the condition holds.</summary>
    public async Task WaitAsync(string what, Func<Task<bool>> condition, CancellationToken cancellation)
    {
        Awaited = what;
        if (await condition()) return;
        if (IsTerminal) await console.Status().Spinner(Spinner.Known.Dots).StartAsync(Waiting(), PollAsync);
        else await PollAsync(null);

        async Task PollAsync(StatusContext? status)
        {
            do
            {
                status?.Status = Waiting();
                await Task.Delay(PollInterval, time, cancellation);
            }
            while (!await condition());
        }

        string Waiting() => Markup.Escape(FormattableString.Invariant($"{Elapsed.TotalSeconds,5:0.0} s  waiting for {what}"));
    }

    private void Timed(string colour, string text, string about)
    {
        var seconds = FormattableString.Invariant($"{Elapsed.TotalSeconds,7:0.0} s  ");
        var explained = about.Length == 0 ? "" : new string(' ', Math.Max(1, TextWidth + 1 - text.Length)) + about;
        console.MarkupLine($"[grey]{seconds}[/][{colour}]{Markup.Escape(text)}[/][grey]{Markup.Escape(explained)}[/]");
    }
}
