using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using ModuleController.ControlPlane.Certificates;
using ModuleController.Core.Builtin.Configuration;
using ModuleController.Core.Certificates;
using ModuleController.Core.Meta;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Client;
using ModuleController.SystemTests.Gateway;

namespace ModuleController.SystemTests.Certificates;

/// <summary>Two processes that both take themselves for the leader, and decide from the same version of the Secret.</summary>
public sealed class TwoLeadersTests
{
    private static readonly ObjectKey Key = new("default", CertificateSource.OwnSecret);
    private static readonly string[] Names = ["modulecontroller.default.svc"];
    private readonly FakeTimeProvider _time = new(new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    [Fact]
    public async Task Of_two_first_certificates_one_is_kept()
    {
        await using var rig = await GatewayRig.StartAsync();
        await Leader(rig, null).ReconcileAsync(Key, GatewayRig.Cancellation);
        var first = await rig.Client.GetAsync<Secret>(Key, GatewayRig.Cancellation);

        var rejected = await Assert.ThrowsAsync<KubeException>(() => Leader(rig, null).ReconcileAsync(Key, GatewayRig.Cancellation));

        Assert.True(rejected.IsAlreadyExists);
        Assert.Equal(first.Metadata.ResourceVersion, (await ReadAsync(rig)).Metadata.ResourceVersion);
    }

    [Theory]
    [InlineData(61, 1)]
    [InlineData(2500, 2)]
    public async Task Of_two_rotations_one_is_kept_and_the_other_leader_then_has_nothing_to_do(int days, int authorities)
    {
        await using var rig = await GatewayRig.StartAsync();
        await Leader(rig, null).ReconcileAsync(Key, GatewayRig.Cancellation);
        var seen = await ReadAsync(rig);
        _time.Advance(TimeSpan.FromDays(days));

        await Leader(rig, seen).ReconcileAsync(Key, GatewayRig.Cancellation);
        var rotated = await ReadAsync(rig);
        var rejected = await Assert.ThrowsAsync<KubeException>(() => Leader(rig, seen).ReconcileAsync(Key, GatewayRig.Cancellation));
        Assert.True(rejected.IsConflict);

        await Leader(rig, rotated).ReconcileAsync(Key, GatewayRig.Cancellation);
        var last = await ReadAsync(rig);
        Assert.NotEqual(seen.Metadata.ResourceVersion, rotated.Metadata.ResourceVersion);
        Assert.Equal(rotated.Metadata.ResourceVersion, last.Metadata.ResourceVersion);
        var state = StoredCertificates.Read(last.Data).State(Names);
        Assert.Equal(authorities, state.Authorities.Count);
        Assert.True(CertificatePlanner.Plan(state, _time.GetUtcNow()) is { CreatesAuthority: false, IssuesServing: false });
        Assert.Contains("PRIVATE KEY", Encoding.UTF8.GetString(last.Data["ca.key"]), StringComparison.Ordinal);
    }

    private static Task<Secret> ReadAsync(GatewayRig rig) => rig.Client.GetAsync<Secret>(Key, GatewayRig.Cancellation);

    /// <param name="seen">What its cache shows.</param>
    private CertificateReconciler Leader(GatewayRig rig, Secret? seen) => new(
        new Cache(seen), rig.Client, new(new(rig.Client, _time, NullLoggerFactory.Instance), _time), Key, Names, _time,
        NullLogger<CertificateReconciler>.Instance);

    private sealed class Cache(Secret? seen) : ILister<Secret>
    {
        public string ResourceVersion => seen?.Metadata.ResourceVersion ?? "0";

        public Secret? Get(ObjectKey key) => seen;

        public IReadOnlyCollection<Secret> List() => seen is null ? [] : [seen];

        public IReadOnlyCollection<Secret> ByIndex(string index, string value) => [];
    }
}
