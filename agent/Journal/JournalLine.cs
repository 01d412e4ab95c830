using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json;

namespace ModuleController.Agent.Journal;

/// <summary>
/// The format of a line: <c>CRC-32C in eight hex digits, blank, JSON, line feed</c>. The checksum detects incomplete and changed lines.
/// </summary>
internal static class JournalLine
{
    private const int PrefixLength = 9;

    public static byte[] Encode(JournalRecord record)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(record, JournalJson.Default.JournalRecord);
        var line = new byte[PrefixLength + json.Length + 1];
        Encoding.ASCII.GetBytes(Sum(json).ToString("x8", CultureInfo.InvariantCulture)).CopyTo(line, 0);
        line[PrefixLength - 1] = (byte)' ';
        json.CopyTo(line, PrefixLength);
        line[^1] = (byte)'\n';
        return line;
    }

    /// <summary>Reads the complete lines and skips unreadable ones. Returns the length of the complete lines in bytes.</summary>
    /// <param name="skipped">The positions of unreadable lines.</param>
    public static long Decode(ReadOnlySpan<byte> file, ICollection<JournalRecord> records, ICollection<long> skipped)
    {
        var position = 0;
        while (file[position..].IndexOf((byte)'\n') is var length and >= 0)
        {
            if (DecodeOne(file.Slice(position, length)) is { } record) records.Add(record);
            else skipped.Add(position);
            position += length + 1;
        }

        return position;
    }

    private static JournalRecord? DecodeOne(ReadOnlySpan<byte> line)
    {
        if (line.Length <= PrefixLength || line[PrefixLength - 1] != ' ') return null;
        if (!uint.TryParse(line[..(PrefixLength - 1)], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var sum))
            return null;
        var json = line[PrefixLength..];
        if (Sum(json) != sum) return null;
        try
        {
            return JsonSerializer.Deserialize(json, JournalJson.Default.JournalRecord);
        }
        catch (JsonException)
        {
            // Written by a newer agent.
            return null;
        }
    }

    private static uint Sum(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes) crc = BitOperations.Crc32C(crc, value);
        return ~crc;
    }
}
