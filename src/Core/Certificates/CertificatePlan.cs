namespace ModuleController.Core.Certificates;

/// <summary>What the Secret has to hold.</summary>
public sealed record CertificatePlan
{
    public bool CreatesAuthority { get; init; }

    public bool IssuesServing { get; init; }

    /// <summary>The <see cref="AuthorityFacts.Id"/> of the authority that signs; null: the one that is created.</summary>
    public string? Signer { get; init; }

    /// <summary>The end of the certificates that are made.</summary>
    public DateTimeOffset AuthorityNotAfter { get; init; }

    public DateTimeOffset ServingNotAfter { get; init; }

    /// <summary>The authorities found in the Secret that agents have to trust, newest first. One that is created is added.</summary>
    public required IReadOnlyList<string> Trusted { get; init; }

    /// <summary>The beginning of the certificates that are made.</summary>
    public required DateTimeOffset NotBefore { get; init; }

    /// <summary>When the plan changes although the Secret does not.</summary>
    public required DateTimeOffset RequeueAt { get; init; }
}
