namespace ModuleController.Core.Certificates;

/// <summary>Decides which certificates the Secret has to hold.</summary>
/// <remarks>
/// Every authority that is valid now or later is published, so a serving certificate that is kept is always trusted.
/// A new authority is created when two thirds of the life of every older one are over. It signs a day later, or at once where no older
/// one can. Example over 10 years: created in year 6.7, signs a day later; the older one stays published until year 10.
/// A serving certificate is kept while its issuer is published, its names are as desired, and two thirds of its life are not over.
/// </remarks>
public static class CertificatePlanner
{
    public static CertificatePlan Plan(CertificateState state, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(state);
        var trusted = Order(state.Authorities.Where(authority => authority.IsTrusted(now)).DistinctBy(authority => authority.Id),
            authority => authority).ToList();
        var signers = trusted.Where(authority => authority.CanSign(now)).ToList();
        var creates = signers.TrueForAll(authority => authority.RenewAt <= now);
        var signer = signers.Find(authority => authority.DistributedAt <= now) ?? signers.LastOrDefault();

        var authorityNotAfter = now + CertificateTimes.AuthorityLifetime;
        var servingNotAfter = Earlier(now + CertificateTimes.ServingLifetime, signer?.NotAfter ?? authorityNotAfter);
        var issues = !IsKept(state, trusted, servingNotAfter, now);
        var serving = issues
            ? new(signer?.Id, now - CertificateTimes.ClockSkew, servingNotAfter, state.Names)
            : state.Serving!;
        return new()
        {
            CreatesAuthority = creates,
            IssuesServing = issues,
            Signer = signer?.Id,
            AuthorityNotAfter = authorityNotAfter,
            ServingNotAfter = servingNotAfter,
            Trusted = [.. trusted.Select(authority => authority.Id)],
            NotBefore = now - CertificateTimes.ClockSkew,
            RequeueAt = Changes(trusted, serving, now).Where(time => time > now).Min(),
        };
    }

    /// <summary>The order in which authorities are stored and published: newest first.</summary>
    public static IEnumerable<T> Order<T>(IEnumerable<T> authorities, Func<T, AuthorityFacts> facts) => authorities
        .OrderByDescending(authority => facts(authority).NotBefore)
        .ThenBy(authority => facts(authority).Id, StringComparer.Ordinal);

    private static bool IsKept(
        CertificateState state, List<AuthorityFacts> trusted, DateTimeOffset servingNotAfter, DateTimeOffset now) =>
        state.Serving is { } serving && serving.NotBefore <= now && now < serving.NotAfter
        && trusted.Exists(authority => authority.Id == serving.Issuer)
        && serving.Names.ToHashSet(StringComparer.OrdinalIgnoreCase).SetEquals(state.Names)
        // A new one that ends no later gains nothing.
        && (now < serving.RenewAt || servingNotAfter <= serving.NotAfter);

    /// <summary>When something begins, ends or is due. A day from now at the latest: that is when an authority that is created now signs,
    /// and timers cannot wait for 60 days.</summary>
    private static IEnumerable<DateTimeOffset> Changes(List<AuthorityFacts> trusted, ServingFacts serving, DateTimeOffset now) =>
    [
        serving.RenewAt, serving.NotAfter,
        now + CertificateTimes.Distribution,
        .. trusted.SelectMany(authority => new[] { authority.NotBefore, authority.RenewAt, authority.DistributedAt, authority.NotAfter }),
    ];

    private static DateTimeOffset Earlier(DateTimeOffset one, DateTimeOffset other) => one < other ? one : other;
}
