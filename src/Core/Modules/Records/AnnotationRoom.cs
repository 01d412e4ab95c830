using System.Text;
using ModuleController.Core.Modules.Rules;

namespace ModuleController.Core.Modules.Records;

/// <summary>What all annotations of an object may have together. A write beyond that would be rejected for ever.</summary>
internal static class AnnotationRoom
{
    /// <summary>Sets the annotation if there is room for it, and otherwise removes it.</summary>
    public static bool Set(Dictionary<string, string> annotations, string name, string value)
    {
        annotations.Remove(name);
        var size = SizeOf(name, value) + annotations.Sum(pair => SizeOf(pair.Key, pair.Value));
        if (size > FieldLimits.MaxAnnotations) return false;
        annotations[name] = value;
        return true;
    }

    private static int SizeOf(string name, string value) => Encoding.UTF8.GetByteCount(name) + Encoding.UTF8.GetByteCount(value);
}
