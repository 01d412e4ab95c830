using Google.Protobuf.WellKnownTypes;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using Api = ModuleController.Client.V1;

namespace ModuleController.ControlPlane.Control.Mapping;

/// <summary>What several messages have in common. Texts and urls lose what may be secret.</summary>
internal static class CommonMapping
{
    public static Timestamp? ToTimestamp(DateTimeOffset? time) => time is { } known ? Timestamp.FromDateTimeOffset(known) : null;

    public static Api.Artifact ToMessage(ModuleSource source) => new()
    {
        Module = source.Name,
        Version = source.Version,
        Url = UrlText.Of(source.Url),
        Sha256 = source.Sha256 ?? "",
        Md5 = source.Md5 ?? "",
    };

    public static Api.Condition ToMessage(Condition condition) => new()
    {
        Type = condition.Type,
        Status = condition.Status switch
        {
            Condition.True => Api.ConditionStatus.True,
            Condition.False => Api.ConditionStatus.False,
            Condition.Unknown => Api.ConditionStatus.Unknown,
            _ => Api.ConditionStatus.Unspecified,
        },
        Reason = condition.Reason ?? "",
        Message = UrlText.In(condition.Message ?? ""),
        LastTransitionTime = ToTimestamp(condition.LastTransitionTime),
        ObservedGeneration = condition.ObservedGeneration ?? 0,
    };
}
