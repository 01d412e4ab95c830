using System.Globalization;
using System.Text;

namespace ModuleController.Agent.Artifacts;

/// <summary>Credentials for one host, as a line of a netrc file has them.</summary>
public sealed record NetrcMachine(string Host, int? Port, string Login, string Password)
{
    /// <summary>
    /// Without a port, credentials are sent over https only: who writes a url can't have them sent in plain text. With a port they are
    /// sent to that port, also over http.
    /// </summary>
    public bool Matches(Uri url) => string.Equals(Host, url.IdnHost, StringComparison.OrdinalIgnoreCase)
        && (Port is { } port ? url.Port == port : url.Scheme == Uri.UriSchemeHttps);
}

/// <summary>Reads the format of netrc: <c>machine nexus.example login build password secret</c>, in any number of lines.</summary>
/// <remarks>The entry <c>default</c>, which would send credentials to every host, is left out. So are macros.</remarks>
public static class Netrc
{
    public static IReadOnlyList<NetrcMachine> Parse(string text)
    {
        var machines = new List<NetrcMachine>();
        NetrcMachine? current = null;
        var words = new Queue<string>(text.Split('\n').Where(line => !line.TrimStart().StartsWith('#')).SelectMany(Words));
        while (words.TryDequeue(out var keyword))
        {
            if (keyword is "default" or "macdef")
            {
                Add();
                continue;
            }

            if (keyword is not ("machine" or "login" or "password" or "account") || !words.TryDequeue(out var value)) continue;
            if (keyword == "machine")
            {
                Add();
                current = Machine(value);
            }
            else if (keyword == "login" && current is not null) current = current with { Login = value };
            else if (keyword == "password" && current is not null) current = current with { Password = value };
        }

        Add();
        return machines;

        void Add()
        {
            if (current is not null) machines.Add(current);
            current = null;
        }
    }

    private static NetrcMachine Machine(string name) =>
        name.LastIndexOf(':') is var colon and > 0
        && ushort.TryParse(name.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            ? new(name[..colon], port, "", "")
            : new(name, null, "", "");

    /// <summary>Words of a line. One in double quotes may have spaces, and a backslash before a quote or a backslash.</summary>
    private static IEnumerable<string> Words(string line)
    {
        var rest = line.Trim();
        while (rest.Length > 0)
        {
            var length = rest[0] == '"' ? QuotedLength(rest) : rest.IndexOfAny([' ', '\t', '\r']);
            if (length < 0) length = rest.Length;
            yield return rest[0] == '"' ? Unquoted(rest[..length]) : rest[..length];
            rest = rest[length..].TrimStart();
        }
    }

    private static int QuotedLength(string text)
    {
        for (var index = 1; index < text.Length; index++)
        {
            if (text[index] == '\\') index++;
            else if (text[index] == '"') return index + 1;
        }

        return text.Length;
    }

    private static string Unquoted(string word)
    {
        var result = new StringBuilder();
        for (var index = 1; index < word.Length; index++)
        {
            if (word[index] == '\\' && index + 1 < word.Length) index++;
            else if (word[index] == '"') break;
            result.Append(word[index]);
        }

        return result.ToString();
    }
}
