using System.Globalization;
using System.Net;
using ModuleController.ControlPlane.Agents;
using ModuleController.Core.Injection;

namespace ModuleController.ControlPlane.Settings;

/// <summary>Parses values of settings. Each throws a <see cref="FormatException"/> that says what is wrong with the value.</summary>
internal static class SettingValues
{
    public static string Text(string value) => value.Length > 0 ? value : throw new FormatException("is empty");

    public static string ExistingFile(string value) => File.Exists(value) ? value : throw new FormatException($"there is no file {value}");

    public static IPAddress Address(string value) =>
        IPAddress.TryParse(value, out var address) ? address : throw new FormatException($"{value} is not an IP address");

    public static int Port(string value) =>
        ushort.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            ? port : throw new FormatException($"{value} is not a port");

    public static bool Flag(string value) =>
        bool.TryParse(value, out var flag) ? flag : throw new FormatException($"{value} is neither true nor false");

    // Below a millisecond timers spin, above a day something else was meant.
    public static TimeSpan Seconds(string value) =>
        double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 0.001
            and <= 86_400
            ? TimeSpan.FromSeconds(seconds)
            : throw new FormatException($"{value} is not a number of seconds between 0.001 and 86400");

    // leaseDurationSeconds of a Lease is an integer.
    public static TimeSpan WholeSeconds(string value) =>
        Seconds(value) is var seconds && seconds.Ticks % TimeSpan.TicksPerSecond == 0
            ? seconds : throw new FormatException($"{value} is not a whole number of seconds");

    public static int Epoch(string value) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var epoch) && epoch <= AgentEpochs.MaxFloor
            ? epoch : throw new FormatException($"{value} is not a number from 0 to {AgentEpochs.MaxFloor}");

    public static string HostAndPort(string value)
    {
        var at = value.LastIndexOf(':');
        if (at <= 0 || value.Length > 200) throw new FormatException($"{value} is not HOST:PORT");
        _ = Port(value[(at + 1)..]);
        return value;
    }

    public static Uri HttpUrl(string value) => InjectionOptions.AddressOf(value)
        ?? throw new FormatException($"must be http://host:port or https://host:port, not \"{value}\"");

    public static string Name(string value) =>
        value.Length is > 0 and <= 253 && value.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '.')
            ? value : throw new FormatException($"{value} is not an object name");

    public static IReadOnlyList<string> Names(string value) => [.. value.Split(',').Select(Name)];
}
