using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Dev.ApiServer;
using ModuleController.Dev.Kubelet;
using ModuleController.Kube.Caches;
using ModuleController.Kube.Client;
using ModuleController.Kube.Controllers;
using ModuleController.Kube.Hosting;
using ModuleController.Kube.Tests.Client;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Controllers;

/// <summary>The whole machinery over HTTP, in real time, while the API server is broken in every way that it offers.</summary>
public sealed class EndToEndTests : IAsyncLifetime
{
    private readonly LogGuard _logs = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly IPAddress _address = OwnAddress.Next();
    private ApiServerHost _host = null!;
    private KubeClient _client = null!;
    private KubeMetrics _metrics = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _host = await ApiServerHost.StartAsync(new() { Address = _address }, Cancellation);
        _metrics = new();
        _client = new(Transport.To(_host.ServerUri, _host.AdminToken), new(OtherJson.Default), metrics: _metrics,
            logger: _logs.CreateLogger<KubeClient>());
    }

    public async ValueTask DisposeAsync()
    {
        _stop.Dispose();
        _client.Dispose();
        _metrics.Dispose();
        await _host.DisposeAsync();
        _logs.Dispose();
    }

    [Fact]
    public async Task A_controller_brings_about_what_is_wished_through_every_fault()
    {
        await using var informers = new InformerFactory(_client, TimeProvider.System, _logs, _metrics);
        var reconciler = new LeasePerService(_client, informers);
        var manager = new Manager(informers, TimeProvider.System, _logs, metrics: _metrics);
        manager.Reconcile(reconciler).Owns<Lease>().Workers(4).Tracks(reconciler.Tracker);
        var run = manager.RunAsync(_stop.Token);
        await Eventually.True(() => manager.IsReady);

        _host.Faults.EventDelay = TimeSpan.FromMilliseconds(30);
        for (var i = 0; i < 20; i++)
        {
            await CreateServiceAsync($"s{i}");
            switch (i)
            {
                case 3: _host.Faults.CutWatches(); break;
                case 6: _host.Faults.RejectNext(3, "write", "leases"); break;
                case 9: _host.Faults.LoseAnswersOfNext(2, "create", "leases"); break;
                case 12: _host.Faults.RejectNext(2, "write", "", 429, TimeSpan.FromSeconds(1)); break;
                case 15:
                    _host.Faults.CutWatches("services");
                    _host.Faults.CompactNow();
                    break;
            }
        }

        await Eventually.True(async () => (await LeasesAsync()).Count == 20, DumpAsync);

        // A child that goes is made again; an owner that goes takes its child along, and only then its finalizer.
        await _client.DeleteAsync<Lease>(new("default", "s1"), cancellation: Cancellation);
        await Eventually.True(async () => (await LeasesAsync()).Count == 20, DumpAsync);
        foreach (var service in await _client.ListAllAsync<Service>(cancellation: Cancellation))
        {
            if (service.Metadata.Finalizers.Contains(LeasePerService.Finalizer))
                await _client.DeleteAsync<Service>(ObjectKey.Of(service.Metadata), new() { Uid = service.Metadata.Uid }, Cancellation);
        }

        await Eventually.True(
            async () =>
                (await LeasesAsync()).Count == 0 && !(await _client.ListAllAsync<Service>(cancellation: Cancellation))
                .Any(service => service.Metadata.Finalizers.Contains(LeasePerService.Finalizer)),
            DumpAsync);
        await _stop.CancelAsync();
        await Eventually.Ends(run);
    }

    [Fact]
    public async Task With_late_events_each_key_waits_for_its_own_writes_so_nothing_is_written_twice()
    {
        await using var informers = new InformerFactory(_client, TimeProvider.System, _logs);
        var reconciler = new LeasePerService(_client, informers);
        var manager = new Manager(informers, TimeProvider.System, _logs);
        var trigger = default(Action<ObjectKey>);
        manager.Reconcile(reconciler).Owns<Lease>().Workers(4).Tracks(reconciler.Tracker).Watches(subscriber =>
        {
            trigger = subscriber;
            return new MemoryStream();
        });
        var run = manager.RunAsync(_stop.Token);
        await Eventually.True(() => manager.IsReady);
        _host.Faults.EventDelay = TimeSpan.FromMilliseconds(100);
        for (var i = 0; i < 10; i++) await CreateServiceAsync($"s{i}");

        await Eventually.True(async () => (await LeasesAsync()).Count == 10 && informers.Of<Lease>().List().Count == 10, DumpAsync);

        // Each is triggered once more while the cache still shows what it has removed.
        for (var i = 0; i < 10; i++) await _client.DeleteAsync<Service>(new("default", $"s{i}"), cancellation: Cancellation);
        await Eventually.True(
            () =>
            {
                for (var i = 0; i < 10; i++) trigger!(new("default", $"s{i}"));
                return informers.Of<Service>().List().All(service => !service.Metadata.Labels.ContainsKey("app"));
            },
            () => "services are left");
        await _stop.CancelAsync();
        await Eventually.Ends(run);
        Assert.Equal(10, reconciler.Creates);
        Assert.Equal(10, reconciler.FinalizerWrites);
        Assert.Equal(10, reconciler.Releases);
        Assert.DoesNotContain(_logs.Lines, line => line.Message.Contains("the cache was old", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Queues_reconciles_and_caches_are_measured()
    {
        var measured = new ConcurrentDictionary<string, string>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == KubeMetrics.MeterName) listener.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<int>((instrument, _, tags, _) => Note(instrument, tags));
        listener.SetMeasurementEventCallback<double>((instrument, _, tags, _) => Note(instrument, tags));
        listener.Start();
        // Events come late by a clock that the test owns.
        var time = new FakeTimeProvider();
        await using var host = await ApiServerHost.StartAsync(new() { Time = time }, Cancellation);
        using var client = new KubeClient(Transport.To(host.ServerUri, host.AdminToken), new(OtherJson.Default), metrics: _metrics,
            logger: _logs.CreateLogger<KubeClient>());
        await using var informers = new InformerFactory(client, TimeProvider.System, _logs, _metrics);
        var reconciler = new LeasePerService(client, informers);
        var manager = new Manager(informers, TimeProvider.System, _logs, metrics: _metrics);
        var trigger = default(Action<ObjectKey>);
        manager.Reconcile(reconciler).Named("measured").Tracks(reconciler.Tracker).Watches(subscriber =>
        {
            trigger = subscriber;
            return new MemoryStream();
        });
        host.Faults.EventDelay = TimeSpan.FromSeconds(1);
        await CreateServiceAsync("first", client);
        var run = manager.RunAsync(_stop.Token);
        await Eventually.True(() => reconciler.Creates == 1);
        // Its cache is a second behind. There is one worker: at the second of the other keys it has turned the first one away, even if
        // the first reconcile still ran when the key was added again.
        trigger!(new("default", "first"));
        foreach (var other in (ObjectKey[])[new("default", "nothing"), new("default", "nothing-again")])
        {
            trigger(other);
            await Eventually.True(() => reconciler.Keys.Contains(other));
        }

        Assert.Single(reconciler.Keys, key => key.Name == "first");

        await Eventually.True(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            listener.RecordObservableInstruments();
            return measured.ContainsKey("kube_reconcile_cache_wait measured") && measured.ContainsKey("kube_cache_lag services");
        }, () => string.Join('\n', measured.Values));
        Assert.Equal("done", measured["kube_reconcile_duration measured"].Split(' ')[^1]);
        Assert.Contains("kube_queue_depth measured", measured.Keys);
        Assert.Contains("kube_queue_oldest_age measured", measured.Keys);
        Assert.Contains("kube_cache_silence services", measured.Keys);
        await _stop.CancelAsync();
        await Eventually.Ends(run);

        void Note(Instrument instrument, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
            measured.TryAdd($"{instrument.Name} {tags[0].Value}",
                $"{instrument.Name} {string.Join(' ', tags.ToArray().Select(tag => tag.Value))}");
    }

    [Fact]
    public async Task A_kubeconfig_may_name_a_file_with_the_token_relative_to_its_own_folder()
    {
        var folder = Directory.CreateTempSubdirectory("kubeconfig-");
        try
        {
            var file = Path.Combine(folder.CreateSubdirectory("config").FullName, "kubeconfig");
            await File.WriteAllTextAsync(Path.Combine(folder.CreateSubdirectory("token").FullName, "token"), _host.AdminToken,
                Cancellation);
            await File.WriteAllTextAsync(file, _host.KubeconfigOfFile("../token/token"), Cancellation);
            using var client = new KubeClient(Transport.FromKubeconfig(file), new ResourceJson());
            Assert.Contains(await client.ListAllAsync<Namespace>(cancellation: Cancellation), found => found.Metadata.Name == "default");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task A_kubeconfig_leads_to_the_server_and_names_the_namespace()
    {
        var file = Path.Combine(Path.GetTempPath(), $"kubeconfig-{Guid.NewGuid():N}");
        try
        {
            await _host.WriteKubeconfigAsync(file, Cancellation);
            using var transport = Transport.FromKubeconfig(file);
            using var client = new KubeClient(transport, new ResourceJson());
            Assert.Equal("default", transport.Namespace);
            Assert.Contains(await client.ListAllAsync<Namespace>(cancellation: Cancellation), found => found.Metadata.Name == "default");
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task A_cache_goes_on_when_the_server_was_away()
    {
        await using var informers = new InformerFactory(_client, TimeProvider.System, _logs);
        var services = informers.Of<Service>(new() { Namespace = "default" })
            .Indexed("app", service => service.Metadata.Labels.GetValueOrDefault("app"));
        informers.Start();
        await informers.WaitForSyncAsync(Cancellation);
        var before = services.List().Count;
        await CreateServiceAsync("first");
        await Eventually.True(() => services.List().Count == before + 1);

        await _host.DisposeAsync();
        await Addresses.UntilFreeAsync(new(_address, _host.ServerUri.Port), Cancellation);
        _host = await ApiServerHost.StartAsync(new() { Address = _address, Port = _host.ServerUri.Port, Log = _host.Log }, Cancellation);
        await CreateServiceAsync("second");
        await Eventually.True(() => services.ByIndex("app", "shop").Count == 2);
    }

    [Fact]
    public async Task The_lease_and_events_are_as_the_server_wants_them()
    {
        using var election = new LeaderElection(
            _client, new(new("default", "leader"), LeaderIdentity.Create("a", "127.0.0.1:1")), TimeProvider.System,
            _logs.CreateLogger<LeaderElection>());
        await election.StartAsync(Cancellation);
        await election.RaiseEpochAsync(9, Cancellation);
        var lease = await _client.GetAsync<Lease>(new("default", "leader"), Cancellation);
        Assert.Equal((9, election.Leader?.ToString()), (lease.Spec.LeaseTransitions, lease.Spec.HolderIdentity));
        Assert.NotNull(lease.Spec.RenewTime);
        await election.StopAsync(Cancellation);
        Assert.Null((await _client.GetAsync<Lease>(new("default", "leader"), Cancellation)).Spec.HolderIdentity);

        using var recorder = new EventRecorder(_client, "test", "test-1", TimeProvider.System, _logs.CreateLogger<EventRecorder>());
        await recorder.StartAsync(Cancellation);
        for (var i = 0; i < 3; i++) recorder.Record(lease, EventRecorder.Normal, "Led", "it was good");
        await recorder.StopAsync(Cancellation);
        var recorded = Assert.Single(
            await _client.ListAllAsync<Event>(new() { Namespace = "default", FieldSelector = $"involvedObject.uid={lease.Metadata.Uid}" },
            Cancellation));
        Assert.Equal((3, "Led"), (recorded.Count, recorded.Reason));
    }

    [Fact]
    public async Task A_finalizer_that_somebody_added_in_between_is_not_lost()
    {
        var service = await CreateServiceAsync("guarded");
        await _client.AddFinalizerAsync(service, "other.io/one", "other", Cancellation);
        var exception = await Assert.ThrowsAsync<KubeException>(() =>
            _client.AddFinalizerAsync(service, LeasePerService.Finalizer, "test", Cancellation));
        Assert.True(exception.IsConflict);

        service = await _client.AddFinalizerAsync(await _client.GetAsync<Service>(ObjectKey.Of(service.Metadata), Cancellation),
            LeasePerService.Finalizer, "test", Cancellation);
        Assert.Equal(["other.io/one", LeasePerService.Finalizer], service.Metadata.Finalizers);
        service = (await _client.RemoveFinalizersAsync(service, [LeasePerService.Finalizer], "test", Cancellation))!;
        Assert.Equal(["other.io/one"], service.Metadata.Finalizers);
    }

    private Task<Service> CreateServiceAsync(string name, KubeClient? client = null) => (client ?? _client).CreateAsync(new Service
    {
        Metadata = new() { Name = name, Namespace = "default", Labels = new Dictionary<string, string> { ["app"] = "shop" } },
        Spec = new() { Ports = [new() { Port = 80 }] },
    }, "test", Cancellation);

    private Task<IReadOnlyList<Lease>> LeasesAsync() => _client.ListAllAsync<Lease>(new() { Namespace = "default" }, Cancellation);

    private async Task<string> DumpAsync() => string.Join(", ", (await LeasesAsync()).Select(lease => lease.Metadata.Name));
}
