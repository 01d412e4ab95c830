using Google.Protobuf.WellKnownTypes;
using ModuleController.Core.Commands;
using ModuleController.Core.Modules;
using Wire = ModuleController.Protocol.V1;

namespace ModuleController.SystemTests.Gateway;

/// <summary>Builds what agents say and controllers send.</summary>
internal static class Messages
{
    public const string Life = "b-1";

    public static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public static Wire.ConnectRequest Hello(
        string pod = "base-0", string uid = "uid-0", ulong highestEpoch = 0, string ns = "default") => new()
        {
            Hello = new()
            {
                PodNamespace = ns,
                PodName = pod,
                PodUid = uid,
                AgentVersion = "1.0.0",
                ProtocolVersions = { "v1" },
                HighestEpoch = highestEpoch,
            },
        };

    public static Wire.ConnectRequest Credential(string token) => new() { Credential = new() { Token = token } };

    public static Wire.ConnectRequest Snapshot(
        ulong sequence, Wire.BaseState state = Wire.BaseState.Up, string? life = Life, IEnumerable<Wire.Biz>? biz = null,
        IEnumerable<string>? running = null)
    {
        var snapshot = new Wire.Snapshot
        {
            Sequence = sequence,
            BaseState = state,
            BaseLife = life is null ? null : new() { Id = life, StartedAt = Timestamp.FromDateTimeOffset(Start) },
            BizKnown = true,
        };
        snapshot.Biz.AddRange(biz ?? []);
        snapshot.Running.AddRange((running ?? []).Select(id => new Wire.RunningCommand { CommandId = id }));
        return new() { Snapshot = snapshot };
    }

    public static Wire.Biz Biz(string name, string? uid = null) =>
        new() { Name = name, Version = "1.0.0", State = Wire.BizState.Activated, ModuleUid = uid ?? "" };

    public static Wire.ConnectRequest Heartbeat(Wire.BaseState state = Wire.BaseState.Up) =>
        new() { Heartbeat = new() { BaseState = state } };

    public static Wire.ConnectRequest Progress(string id, Wire.CommandPhase phase) =>
        new() { Progress = new() { CommandId = id, Phase = phase } };

    public static Wire.ConnectRequest Progress(string id) => Progress(id, Wire.CommandPhase.Executing);

    public static Wire.ConnectRequest Result(
        string id, Wire.Outcome outcome = Wire.Outcome.Succeeded, Wire.Reason reason = Wire.Reason.Unspecified) =>
        new() { Result = new() { CommandId = id, Outcome = outcome, Reason = reason, BaseLifeId = Life } };

    public static ModuleCommand.Install Install(string uid = "m-1", int attempt = 1, string life = Life, string name = "orders") =>
        new(uid, Source(name), life, attempt, TimeSpan.FromSeconds(60), Activate: true);

    public static ModuleCommand.Inspect Inspect(string uid = "rs-1") =>
        new(uid, Source("orders"), "", 1, TimeSpan.FromSeconds(60));

    public static ModuleSource Source(string name) =>
        new() { Name = name, Version = "1.0.0", Url = $"http://repository/{name}-1.0.0.jar" };
}
