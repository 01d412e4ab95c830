namespace ModuleController.Core.Certificates;

/// <summary>How long certificates are valid, and when they are renewed.</summary>
public static class CertificateTimes
{
    public static TimeSpan AuthorityLifetime { get; } = TimeSpan.FromDays(3650);

    public static TimeSpan ServingLifetime { get; } = TimeSpan.FromDays(90);

    /// <summary>Validity begins this long before the time of issue, for clocks that are behind the leader's.</summary>
    public static TimeSpan ClockSkew { get; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// A new authority signs nothing for this long, while an older one can: first its certificate has to reach every agent. A kubelet
    /// refreshes a mounted ConfigMap within about two minutes, and a node may be disconnected for hours.
    /// </summary>
    public static TimeSpan Distribution { get; } = TimeSpan.FromDays(1);

    public static DateTimeOffset IssuedAt(DateTimeOffset notBefore) => notBefore + ClockSkew;

    /// <summary>Two thirds of the time from the issue to the end: day 60 of 90.</summary>
    public static DateTimeOffset RenewAt(DateTimeOffset notBefore, DateTimeOffset notAfter) =>
        IssuedAt(notBefore) + ((notAfter - IssuedAt(notBefore)) * (2.0 / 3));
}
