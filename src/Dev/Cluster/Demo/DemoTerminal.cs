using System.Globalization;

namespace ModuleController.Dev.Cluster.Demo;

/// <summary>Lines with the seconds since the start. In a terminal there is colour, and a last line that shows what is waited for.</summary>
internal sealed class DemoTerminal(TimeProvider time)
{
    private const string Plain = "0";

    private readonly long _began = time.GetTimestamp();
    private readonly bool _isTerminal = !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb");
    private readonly bool _hasColour = !Console.IsOutputRedirected && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
    private bool _isWaiting;

    private static int Width => Console.WindowWidth > 0 ? Console.WindowWidth : 80;

    public TimeSpan Elapsed => time.GetElapsedTime(_began);

    public void Title(string text) => Write(Paint("1", text));

    public void Chapter(string text) => Write("\n" + Paint("1;36", text));

    public void Text(string text) => Write(text);

    /// <summary>Something that has happened; <paramref name="about"/> explains it.</summary>
    public void Line(string text, string about = "") => Timed(Plain, text, about);

    public void Good(string text, string about = "") => Timed("32", text, about);

    public void Bad(string text, string about = "") => Timed("31", text, about);

    /// <summary>The line at the bottom of a terminal; the next real line takes its place.</summary>
    public void Waiting(string what)
    {
        if (!_isTerminal) return;
        var text = string.Create(CultureInfo.InvariantCulture, $"{Elapsed.TotalSeconds,7:0.0} s  … {what}");
        Console.Write($"\r\u001b[2K{Paint("2", text.Length < Width ? text : text[..(Width - 1)])}");
        _isWaiting = true;
    }

    public void Table(IReadOnlyList<string> head, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        var widths = head.Select((title, column) => rows.Select(row => row[column].Length).Append(title.Length).Max()).ToArray();
        string Row(IReadOnlyList<string> cells) =>
            "           " + string.Join("  ", cells.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd();
        Write("");
        Write(Paint("2", Row(head)));
        foreach (var row in rows) Write(Row(row));
    }

    private void Timed(string colour, string text, string about)
    {
        var seconds = string.Create(CultureInfo.InvariantCulture, $"{Elapsed.TotalSeconds,7:0.0} s  ");
        Write(Paint("2", seconds) + Paint(colour, about.Length > 0 ? text.PadRight(34) : text) + (about.Length > 0 ? " " + Paint("2", about) : ""));
    }

    private void Write(string text)
    {
        if (_isWaiting) Console.Write("\r\u001b[2K");
        _isWaiting = false;
        Console.WriteLine(text);
    }

    private string Paint(string colour, string text) => _hasColour && colour != Plain ? $"\u001b[{colour}m{text}\u001b[0m" : text;
}
