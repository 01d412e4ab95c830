using ModuleController.Core.Certificates;

namespace ModuleController.Core.Tests.Certificates;

/// <summary>A Secret, the clock, and a leader that carries plans out.</summary>
internal sealed class StoredWorld
{
    private int _created;

    public DateTimeOffset Now { get; private set; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public IReadOnlyList<AuthorityFacts> Authorities { get; set; } = [];

    public ServingFacts? Serving { get; set; }

    public IReadOnlyList<string> Names { get; set; } = ["modulecontroller.system.svc", "modulecontroller.system.svc.cluster.local"];

    public CertificateState State => new(Authorities, Serving, Names);

    public CertificatePlan Plan() => CertificatePlanner.Plan(State, Now);

    public AuthorityFacts NewAuthority(string id) =>
        new(id, Now - CertificateTimes.ClockSkew, Now + CertificateTimes.AuthorityLifetime);

    /// <summary>One plan, carried out.</summary>
    public CertificatePlan Reconcile()
    {
        var plan = Plan();
        Apply(plan);
        return plan;
    }

    public void Apply(CertificatePlan plan)
    {
        var created = plan.CreatesAuthority
            ? new AuthorityFacts($"authority-{++_created}", plan.NotBefore, plan.AuthorityNotAfter)
            : null;
        var found = Authorities.DistinctBy(authority => authority.Id).ToDictionary(authority => authority.Id);
        IEnumerable<AuthorityFacts> authorities = plan.Trusted.Select(id => found[id]);
        if (created is not null) authorities = authorities.Append(created);
        Authorities = [.. CertificatePlanner.Order(authorities, authority => authority)];
        if (plan.IssuesServing) Serving = new(plan.Signer ?? created!.Id, plan.NotBefore, plan.ServingNotAfter, Names);
    }

    /// <summary>Nobody reconciles.</summary>
    public void Stop(TimeSpan time) => Now += time;

    public void Advance(TimeSpan time) => AdvanceTo(Now + time);

    /// <summary>The leader reconciles whenever its plans say so, and not at the end.</summary>
    public void AdvanceTo(DateTimeOffset end)
    {
        while (Reconcile().RequeueAt is var next && next <= end) Now = next;
        Now = end;
    }
}
