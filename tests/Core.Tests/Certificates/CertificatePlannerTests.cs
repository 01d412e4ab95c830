using ModuleController.Core.Certificates;

namespace ModuleController.Core.Tests.Certificates;

/// <summary>The certificates of a controller over its years, and whatever is found in their Secret.</summary>
public class CertificatePlannerTests
{
    private readonly StoredWorld _world = new();

    [Fact]
    public void Without_a_Secret_an_authority_is_created_and_signs_at_once()
    {
        var plan = _world.Reconcile();

        Assert.True(plan is { CreatesAuthority: true, IssuesServing: true, Signer: null });
        Assert.Equal(_world.Now + TimeSpan.FromDays(3650), _world.Authorities.Single().NotAfter);
        Assert.Equal(_world.Now + TimeSpan.FromDays(90), _world.Serving!.NotAfter);
    }

    [Fact]
    public void Certificates_are_valid_for_a_clock_that_is_five_minutes_behind()
    {
        _world.Reconcile();

        Assert.Equal(_world.Now - TimeSpan.FromMinutes(5), _world.Authorities.Single().NotBefore);
        Assert.Equal(_world.Now - TimeSpan.FromMinutes(5), _world.Serving!.NotBefore);
    }

    [Fact]
    public void A_serving_certificate_is_renewed_on_day_60_of_90()
    {
        _world.Reconcile();
        var (first, authority) = (_world.Serving, _world.Authorities.Single());

        _world.Advance(TimeSpan.FromDays(60) - TimeSpan.FromSeconds(1));
        Assert.Same(first, _world.Serving);
        _world.Advance(TimeSpan.FromSeconds(1));
        Assert.NotSame(first, _world.Serving);
        Assert.Equal([authority], _world.Authorities);
        Assert.Equal(authority.Id, _world.Serving!.Issuer);
    }

    [Fact]
    public void A_new_authority_is_trusted_for_a_day_before_it_signs_and_the_old_one_until_it_ends()
    {
        _world.Reconcile();
        var old = _world.Authorities.Single();

        _world.AdvanceTo(old.RenewAt - TimeSpan.FromSeconds(1));
        Assert.Equal([old], _world.Authorities);
        _world.AdvanceTo(old.RenewAt);
        var renewed = _world.Authorities[0];
        Assert.Equal([renewed, old], _world.Authorities);
        Assert.Equal(old.Id, _world.Plan().Signer);

        _world.Advance(TimeSpan.FromDays(1) - TimeSpan.FromSeconds(1));
        Assert.Equal(old.Id, _world.Plan().Signer);
        _world.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(renewed.Id, _world.Plan().Signer);
        // What the old one signed is not replaced before its time.
        Assert.Equal(old.Id, _world.Serving!.Issuer);

        _world.Advance(TimeSpan.FromDays(60));
        Assert.Equal(renewed.Id, _world.Serving!.Issuer);
        _world.AdvanceTo(old.NotAfter - TimeSpan.FromSeconds(1));
        Assert.Contains(old, _world.Authorities);
        _world.AdvanceTo(old.NotAfter);
        Assert.Equal([renewed], _world.Authorities);
    }

    [Fact]
    public void A_controller_that_was_off_for_years_starts_with_a_new_authority()
    {
        _world.Reconcile();
        var old = _world.Authorities.Single();

        _world.Stop(TimeSpan.FromDays(5000));
        _world.Reconcile();

        Assert.NotEqual(old.Id, _world.Authorities.Single().Id);
        Assert.Equal(_world.Authorities.Single().Id, _world.Serving!.Issuer);
    }

    [Fact]
    public void A_serving_certificate_never_outlives_its_authority_and_is_not_renewed_for_nothing()
    {
        _world.Reconcile();
        _world.Stop(TimeSpan.FromDays(3650) - TimeSpan.FromHours(1));
        var plan = _world.Reconcile();

        Assert.True(plan is { CreatesAuthority: true, IssuesServing: true });
        var (old, renewed) = (_world.Authorities[1], _world.Authorities[0]);
        Assert.Equal((old.Id, old.NotAfter), (_world.Serving!.Issuer, _world.Serving.NotAfter));
        var last = _world.Serving;
        _world.Advance(TimeSpan.FromMinutes(59));
        Assert.Same(last, _world.Serving);
        _world.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal((renewed.Id, _world.Now + TimeSpan.FromDays(90)), (_world.Serving.Issuer, _world.Serving.NotAfter));
    }

    [Fact]
    public void An_authority_without_its_key_is_trusted_while_another_one_signs()
    {
        _world.Reconcile();
        var (old, serving) = (_world.Authorities.Single(), _world.Serving);

        _world.Stop(TimeSpan.FromHours(1));
        _world.Authorities = [old with { HasKey = false }];
        var plan = _world.Reconcile();

        Assert.True(plan is { CreatesAuthority: true, IssuesServing: false });
        Assert.Same(serving, _world.Serving);
        Assert.Equal(old.Id, _world.Authorities[1].Id);
        Assert.True(_world.Authorities[0].HasKey);
    }

    [Fact]
    public void A_replaced_authority_issues_a_new_serving_certificate_at_once()
    {
        _world.Reconcile();

        _world.Authorities = [_world.NewAuthority("theirs")];
        var plan = _world.Reconcile();

        Assert.True(plan is { CreatesAuthority: false, IssuesServing: true, Signer: "theirs" });
    }

    [Theory]
    [InlineData(null)]
    [InlineData("unknown")]
    public void A_serving_certificate_that_nobody_published_signed_is_replaced(string? issuer)
    {
        _world.Reconcile();

        _world.Serving = _world.Serving! with { Issuer = issuer };

        Assert.True(_world.Reconcile() is { CreatesAuthority: false, IssuesServing: true });
    }

    [Fact]
    public void Other_names_need_another_serving_certificate_and_another_order_or_case_does_not()
    {
        _world.Reconcile();

        _world.Names = [.. _world.Names.Reverse().Select(name => name.ToUpperInvariant())];
        Assert.False(_world.Reconcile().IssuesServing);
        _world.Names = [.. _world.Names, "another.example"];
        Assert.True(_world.Reconcile() is { CreatesAuthority: false, IssuesServing: true });
    }

    [Fact]
    public void A_leader_whose_clock_is_five_minutes_behind_keeps_what_another_one_made()
    {
        _world.Reconcile();

        var plan = CertificatePlanner.Plan(_world.State, _world.Now - TimeSpan.FromMinutes(5));

        Assert.True(plan is { CreatesAuthority: false, IssuesServing: false });
    }

    [Fact]
    public void An_authority_of_the_future_is_published_and_signs_nothing()
    {
        _world.Authorities = [_world.NewAuthority("future") with { NotBefore = _world.Now.AddDays(1) }];
        var plan = _world.Reconcile();

        Assert.True(plan is { CreatesAuthority: true, Signer: null });
        Assert.Contains("future", plan.Trusted);
    }
}
