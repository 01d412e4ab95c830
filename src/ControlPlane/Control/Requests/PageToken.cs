using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace ModuleController.ControlPlane.Control.Requests;

/// <summary>Which list it continues, and behind which object. It works on any replica, and after that object is deleted.</summary>
/// <param name="List">A hash of what selects and orders the list.</param>
internal sealed record PageToken(string List, Position Last)
{
    private const char Separator = '\n';

    /// <summary>Null: it is no token of ours.</summary>
    public static PageToken? Parse(string text)
    {
        if (!Base64Url.IsValid(text)) return null;
        return Encoding.UTF8.GetString(Base64Url.DecodeFromChars(text)).Split(Separator) is [var list, var created, var ns, var name]
            && long.TryParse(created, NumberStyles.None, CultureInfo.InvariantCulture, out var ticks)
            && ticks <= DateTimeOffset.MaxValue.Ticks
            ? new(list, new(new(ticks, TimeSpan.Zero), new(ns, name)))
            : null;
    }

    public override string ToString() => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(string.Join(
        Separator, List, Last.Created.UtcTicks.ToString(CultureInfo.InvariantCulture), Last.Key.Namespace, Last.Key.Name)));
}
