namespace ModuleController.Core.Meta;

/// <summary>Urls as any message may show them: without user information, query and fragment, which may be secrets.</summary>
public static class UrlText
{
    private const string SchemeEnd = "://";

    /// <summary>One url, whatever it contains.</summary>
    public static string Of(string url) =>
        url.IndexOf(SchemeEnd, StringComparison.Ordinal) is var end and >= 0
            ? url[..(end + SchemeEnd.Length)] + Shown(url.AsSpan(end + SchemeEnd.Length))
            : Before(url, '?', '#').ToString();

    /// <summary>A text with all its urls shortened. A url ends at white space, a quote or an angle bracket.</summary>
    public static string In(string text)
    {
        if (!text.Contains(SchemeEnd, StringComparison.Ordinal)) return text;
        var result = new System.Text.StringBuilder(text.Length);
        var rest = text.AsSpan();
        while (rest.IndexOf(SchemeEnd) is var index and >= 0)
        {
            var start = index + SchemeEnd.Length;
            result.Append(rest[..start]);
            rest = rest[start..];
            var length = LengthOfUrl(rest);
            result.Append(Shown(rest[..length]));
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
        return authority.LastIndexOf(':') is var colon && (colon < 0 || !authority[(colon + 1)..].ContainsAnyExceptInRange('0', '9'));
    }

    private static ReadOnlySpan<char> Before(ReadOnlySpan<char> text, params ReadOnlySpan<char> ends) =>
        text.IndexOfAny(ends) is var end and >= 0 ? text[..end] : text;

    private static int LengthOfUrl(ReadOnlySpan<char> text)
    {
        var length = 0;
        while (length < text.Length && !char.IsWhiteSpace(text[length]) && text[length] is not ('"' or '\'' or '<' or '>' or '`')) length++;
        // The punctuation of the sentence is not the url's.
        while (length > 0 && text[length - 1] is ':' or ',' or ';' or '.' or ')') length--;
        return length;
    }
}
