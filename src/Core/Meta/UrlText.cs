namespace ModuleController.Core.Meta;

/// <summary>Urls as any message may show them: without user information, query and fragment, which may be secrets.</summary>
public static class UrlText
{
    private const string SchemeEnd = "://";

    /// <summary>One url, whatever it contains.</summary>
    public static string Of(string url) =>
        url.IndexOf(SchemeEnd, StringComparison.Ordinal) is var end and >= 0 && url.IndexOfAny(['/', '?', '#']) > end
            ? url[..(end + SchemeEnd.Length)] + Shown(url.AsSpan(end + SchemeEnd.Length))
            : Before(url, '?', '#').ToString();

    /// <summary>
    /// A text with all its urls shortened. A url ends at white space. One that begins after a quote ends at the same quote, where that is
    /// not escaped and no more of the url follows: passwords and queries may hold quotes.
    /// </summary>
    public static string In(string text)
    {
        if (!text.Contains(SchemeEnd, StringComparison.Ordinal)) return text;
        var result = new System.Text.StringBuilder(text.Length);
        var rest = text.AsSpan();
        while (rest.IndexOf(SchemeEnd) is var index and >= 0)
        {
            var start = index + SchemeEnd.Length;
            result.Append(rest[..start]);
            var opening = OpeningOf(rest[..index]);
            rest = rest[start..];
            var length = LengthOfUrl(rest, opening);
            // The part that looks like its path may contain another url.
            result.Append(In(Shown(rest[..length]).ToString()));
            rest = rest[length..];
        }

        return result.Append(rest).ToString();
    }

    /// <summary>What follows the scheme, shortened.</summary>
    private static string Shown(ReadOnlySpan<char> url)
    {
        var authority = Before(url, '/', '?', '#');
        if (authority.LastIndexOf('@') is var at and >= 0) url = url[(at + 1)..];
        // A password with a slash or a question mark that was not encoded: what looks like the port is its beginning.
        else if (url.LastIndexOf('@') is var late and >= 0 && !HasValidPort(authority)) url = url[(late + 1)..];
        return Before(url, '?', '#').ToString();
    }

    private static bool HasValidPort(ReadOnlySpan<char> authority)
    {
        if (authority.Length > 0 && authority[^1] == ']') return true;
        var colon = authority.LastIndexOf(':');
        return colon < 0 || (colon < authority.Length - 1 && !authority[(colon + 1)..].ContainsAnyExceptInRange('0', '9'));
    }

    private static ReadOnlySpan<char> Before(ReadOnlySpan<char> text, params ReadOnlySpan<char> ends) =>
        text.IndexOfAny(ends) is var end and >= 0 ? text[..end] : text;

    /// <summary>What stands before the scheme, such as a quote.</summary>
    private static char OpeningOf(ReadOnlySpan<char> before)
    {
        var start = before.Length;
        while (start > 0 && (char.IsAsciiLetterOrDigit(before[start - 1]) || before[start - 1] is '+' or '-' or '.' or ':')) start--;
        return start > 0 ? before[start - 1] : ' ';
    }

    private static int LengthOfUrl(ReadOnlySpan<char> text, char opening)
    {
        var length = 0;
        while (length < text.Length && !char.IsWhiteSpace(text[length]) && !Closes(text, length, opening)) length++;
        // The punctuation of the sentence is not the url's.
        while (length > 0 && text[length - 1] is ':' or ',' or ';' or '.' or ')') length--;
        return length;
    }

    private static bool Closes(ReadOnlySpan<char> text, int index, char opening)
    {
        var isClosing = opening is '"' or '\'' or '`' ? text[index] == opening : opening is '<' && text[index] == '>';
        if (!isClosing || (index > 0 && text[index - 1] == '\\')) return false;
        return index + 1 == text.Length || char.IsWhiteSpace(text[index + 1]) || text[index + 1] is ':' or ',' or ';' or '.' or ')' or ']'
            or '}';
    }
}
