using CsCheck;
using ModuleController.Core.Certificates;

namespace ModuleController.Core.Tests.Certificates;

/// <summary>What holds whatever the Secret contains, and at every moment of a controller's life.</summary>
public class CertificatePlannerProperties
{
    private static readonly string[] Names = ["a.svc", "b.svc"];
    private static readonly DateTimeOffset Epoch = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private static readonly Gen<DateTimeOffset> Times =
        Gen.OneOf(Gen.Int[-432_000_000, 432_000_000], Gen.Int[-7200, 7200]).Select(seconds => Epoch.AddSeconds(seconds));

    private static readonly Gen<AuthorityFacts> Authorities =
        Gen.Select(Gen.Int[0, 5], Times, Times, Gen.Bool, (id, one, other, hasKey) =>
            new AuthorityFacts($"a{id}", one < other ? one : other, one < other ? other : one, hasKey));

    private static readonly Gen<ServingFacts?> Servings = Gen.OneOf(
        Gen.Const((ServingFacts?)null),
        Gen.Select(Gen.Int[-1, 6], Times, Times, Gen.Bool, (issuer, one, other, isOther) => (ServingFacts?)new ServingFacts(
            issuer < 0 ? null : $"a{issuer}", one < other ? one : other, one < other ? other : one, isOther ? ["c.svc"] : Names)));

    private static readonly Gen<CertificateState> States = Gen.Select(Authorities.List[0, 5], Servings, (authorities, serving) =>
        new CertificateState([.. authorities.DistinctBy(authority => authority.Id)], serving, Names));

    [Fact]
    public void A_plan_leaves_a_trusted_serving_certificate_that_is_valid_now_and_nothing_more_to_do() => States.Sample(state =>
    {
        var world = World(state);
        world.Reconcile();

        AssertServes(world);
        var next = world.Plan();
        Assert.True(next is { CreatesAuthority: false, IssuesServing: false });
        Assert.Equal(world.Authorities.Select(authority => authority.Id), next.Trusted);
        Assert.True(next.RequeueAt > world.Now);
    });

    [Fact]
    public void The_order_in_the_Secret_does_not_matter() => States.Sample(state =>
    {
        var (plan, other) = (CertificatePlanner.Plan(state, Epoch),
            CertificatePlanner.Plan(state with { Authorities = [.. state.Authorities.Reverse()] }, Epoch));

        Assert.Equal(plan.Trusted, other.Trusted);
        Assert.Equal(plan with { Trusted = [] }, other with { Trusted = [] });
    });

    [Fact]
    public void A_valid_authority_is_never_dropped() => States.Sample(state =>
    {
        var valid = state.Authorities.Where(authority => authority.NotAfter > Epoch).Select(authority => authority.Id);
        Assert.Equal(valid.Order(StringComparer.Ordinal), CertificatePlanner.Plan(state, Epoch).Trusted.Order(StringComparer.Ordinal));
    });

    /// <summary>An agent may have a bundle that is a day old: whoever read it then trusts what is served now.</summary>
    [Fact]
    public void What_serves_is_trusted_by_everyone_who_has_the_bundle_of_a_day_ago() =>
        Gen.Int[1, 4000].List[1, 30].Sample(hours =>
        {
            var world = new StoredWorld();
            world.Reconcile();
            foreach (var span in hours)
            {
                // As long as it takes, the leader reconciles when its plans say so.
                world.Advance(TimeSpan.FromHours(span));
                var bundle = world.Authorities.Select(authority => authority.Id).ToHashSet();
                world.Advance(CertificateTimes.Distribution - TimeSpan.FromSeconds(1));
                world.Reconcile();
                AssertServes(world);
                Assert.Contains(world.Serving!.Issuer!, bundle);
            }
        }, iter: 50);

    private static StoredWorld World(CertificateState state)
    {
        var world = new StoredWorld { Authorities = state.Authorities, Serving = state.Serving, Names = state.Names };
        world.Stop(Epoch - world.Now);
        return world;
    }

    private static void AssertServes(StoredWorld world)
    {
        var serving = world.Serving!;
        Assert.True(serving.NotBefore <= world.Now && world.Now < serving.NotAfter);
        Assert.True(world.Names.ToHashSet().SetEquals(serving.Names));
        var issuer = Assert.Single(world.Authorities, authority => authority.Id == serving.Issuer);
        Assert.True(issuer.NotAfter > world.Now);
        Assert.InRange(world.Authorities.Count, 1, 7);
    }
}
