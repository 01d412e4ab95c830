namespace ModuleController.Core.Rollouts;

/// <summary>What an operator wrote into an annotation, as it is told in a condition, a record or an Event.</summary>
/// <remarks>An annotation may be 256 KiB; what tells of it must stay small, or its own write is what the API server refuses.</remarks>
internal static class OperatorText
{
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
