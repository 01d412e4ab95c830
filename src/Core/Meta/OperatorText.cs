namespace ModuleController.Core.Meta;

/// <summary>Shortens what an operator wrote into an annotation, for a condition, a record or an Event.</summary>
/// <remarks>An annotation may have 256 KiB. A status or Event of that size would be rejected.</remarks>
internal static class OperatorText
{
    public const int MaxAction = 64;
    public const int MaxName = 128;
    public const int MaxReason = 512;

    /// <summary>The text, or its beginning with an ellipsis, in at most so many UTF-16 units.</summary>
    public static string Within(int length, string text)
    {
        if (text.Length <= length) return text;
        var kept = char.IsHighSurrogate(text[length - 2]) ? length - 2 : length - 1;
        return $"{text[..kept]}…";
    }
}
