using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ModuleController.ControlPlane.Certificates;
using ModuleController.Core.Builtin.Configuration;
using ModuleController.Core.Meta;
using ModuleController.Core.Modules;
using ModuleController.SystemTests.Admission;
using ModuleController.SystemTests.Harness;

namespace ModuleController.SystemTests.Certificates;

/// <summary>Certificates are renewed while injected agents are connected, a release runs, and pods are created.</summary>
[Collection(nameof(RotationTests))]
public sealed partial class RotationTests
{
    private const int Pods = 50;

    /// <summary>The only reason why a stream may end here. Each agent connects again every few seconds.</summary>
    private const string EndOfAge = "the stream has reached its maximum age";

    private static readonly TimeSpan Start = TimeSpan.FromMinutes(4);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task No_stream_is_refused_and_no_module_is_touched_while_serving_certificate_and_authority_are_renewed()
    {
        await using var world = await WebhookWorld.StartAsync(world =>
        {
            world.CertificateClock.Shift = TimeSpan.FromDays(-2500);
            var change = world.ConfigureController;
            world.ConfigureController = options => change(options) with { Agents = new() { MaxStreamAge = TimeSpan.FromSeconds(4) } };
        });
        await using var webhooks = await WebhookWorld.WebhooksAsync(world);
        // The authority is nearly seven years old, and the serving certificate is new.
        await AtAsync(world, days: -70);
        var old = (await webhooks.BundlesAsync())[0]!;
        await Eventually.True(async () => await ServingEndAsync(world) > TimeProvider.System.GetUtcNow().UtcDateTime);
        await WebhookWorld.BaseAsync(world, Pods, Start);
        await world.CreateAsync(A.Module("catalog", "1.0.0", world.Jar("catalog", "1.0.0")).Symmetric());
        await world.CreateAsync(A.Module("orders", "1.0.0", world.Jar("orders", "1.0.0")).Symmetric());
        await world.AvailableAsync("catalog", Pods, "1.0.0", Start);
        await world.AvailableAsync("orders", Pods, "1.0.0", Start);
        await world.StrategyAsync("orders", new() { ["batchCount"] = 3, ["needConfirm"] = true, ["trafficDrainSeconds"] = 0 });
        await using var creations = new PodCreations(world);
        await creations.NextAsync();
        var mark = world.Log.Lines.Count;

        // The first batch runs while a new authority is added.
        await world.UpgradeAsync("orders", "1.1.0", world.Jar("orders", "1.1.0"));
        await AtAsync(world, days: -66);
        await Eventually.True(async () => (await webhooks.BundlesAsync()).All(bundle => bundle != old));
        var both = (await webhooks.BundlesAsync())[0]!;
        Assert.EndsWith(old, both, StringComparison.Ordinal);
        Assert.All(await webhooks.BundlesAsync(), bundle => Assert.Equal(both, bundle));
        await creations.NextAsync();
        // A day passes before it signs. Here it is enough that the kubelet has refreshed the files of all agents.
        await Eventually.True(() => world.PodsOf("base").All(pod => File.ReadAllText(
            world.Images.AgentOf(pod.Metadata.Uid!).CaFile!) == both), what: "all agents have both authorities");
        await ConnectedAsync(world, "with both authorities");

        // The second batch runs while the serving certificate is renewed, by the new authority.
        await ConfirmedAsync(world, 1);
        var before = await ServingEndAsync(world);
        await AtAsync(world, days: -5);
        await Eventually.True(async () => await ServingEndAsync(world) != before);
        await Eventually.True(() => ServesAsync(world, both));
        await Eventually.True(async () => !await ServesAsync(world, old), what: "only who has the new authority trusts what is served");
        Assert.All(await webhooks.BundlesAsync(), bundle => Assert.Equal(both, bundle));
        await creations.NextAsync();
        await ConnectedAsync(world, "with the new serving certificate");
        await ConfirmedAsync(world, 2);
        await world.AvailableAsync("orders", Pods, "1.1.0", Start);

        Assert.Empty(await creations.EndAsync());
        var lines = world.Log.Lines.Skip(mark).Select(line => line.Message).ToList();
        Assert.All(lines.Where(line => line.StartsWith("stream to ", StringComparison.Ordinal)),
            line => Assert.Contains(EndOfAge, line, StringComparison.Ordinal));
        Assert.DoesNotContain(lines, line => line.Contains("was refused", StringComparison.Ordinal));
        Assert.Equal(Pods, world.Images.AllLives.Count);
        Assert.All(world.Images.AllLives, life =>
        {
            Assert.Equal([("catalog:1.0.0", 1), ("orders:1.0.0", 1), ("orders:1.1.0", 1)],
                life.InstallsStarted.OrderBy(item => item.Key, StringComparer.Ordinal).Select(item => (item.Key, item.Value)));
            Assert.Equal([("orders:1.0.0", 1)], life.Uninstalls.Select(item => (item.Key, item.Value)));
        });
    }

    /// <summary>Lets the release continue when it rests after a batch.</summary>
    private static async Task ConfirmedAsync(World world, int batch)
    {
        await world.SeenAsync(
            "orders",
            deployment => deployment.Status.ReleaseStatus is { Progress: ReleaseProgress.Paused } release && release.CurrentBatch == batch,
            $"waits after batch {batch}", Start);
        await world.ConfirmAsync("orders", batch);
    }

    /// <summary>Moves the time of certificates. A change of the Secret triggers its reconcile, which then reads the clock.</summary>
    private static async Task AtAsync(World world, int days)
    {
        world.CertificateClock.Shift = TimeSpan.FromDays(days);
        await world.Client.PatchAsync<Secret>(Key(world), new JsonObject
        {
            ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { ["test/trigger"] = $"{days}" } },
        }, new("test"), Cancellation);
    }

    /// <summary>Until each agent has opened a stream after now.</summary>
    private static async Task ConnectedAsync(World world, string what)
    {
        var mark = world.Log.Lines.Count;
        await Eventually.True(
            () => world.Log.Lines.Skip(mark).Select(line => Connected().Match(line.Message))
                .Where(match => match.Success).Select(match => match.Groups[1].Value).Distinct().Count() == Pods,
            what: $"all connected {what}");
    }

    /// <summary>Whether a client with these authorities trusts the webhooks' port.</summary>
    private static async Task<bool> ServesAsync(World world, string bundle)
    {
        using var http = new HttpClient(TlsHandlers.Trusting(bundle, "localhost"));
        try
        {
            using var response = await http.GetAsync(world.Controller!.WebhookAddress!, Cancellation);
            return true;
        }
        catch (HttpRequestException problem) when (problem.HttpRequestError == HttpRequestError.SecureConnectionError)
        {
            return false;
        }
    }

    private static async Task<DateTime> ServingEndAsync(World world)
    {
        var secret = await world.Client.GetAsync<Secret>(Key(world), Cancellation);
        using var serving = X509Certificate2.CreateFromPem(Encoding.UTF8.GetString(secret.Data["tls.crt"]));
        return serving.NotAfter.ToUniversalTime();
    }

    private static ObjectKey Key(World world) => new(world.Controller!.LeaseNamespace, CertificateSource.OwnSecret);

    [GeneratedRegex("^The agent of (\\S+) ")]
    private static partial Regex Connected();
}
