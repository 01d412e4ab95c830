using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using ModuleController.Agent.Observing;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent;

/// <summary>What <c>agent ready</c> reads: whether the agent runs, Arklet answers, and no replay is still to come.</summary>
/// <remarks>One loop writes it. The base is looked at from several loops, which only wake that one.</remarks>
public sealed class ReadyFile(string folder, Func<(BaseView View, bool IsReplayPending)> read, TimeProvider time, ILogger log)
{
    private readonly Channel<bool> _wanted = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>An agent looks at least this often; one unanswered query can take 15 s.</summary>
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(30);

    private static string PathIn(string folder) => Path.Combine(folder, "ready.json");

    /// <summary>Asks for it to be written. Never waits.</summary>
    public void Want() => _wanted.Writer.TryWrite(true);

    public async Task RunAsync(CancellationToken cancellation)
    {
        await foreach (var _ in _wanted.Reader.ReadAllAsync(cancellation)) Write();
    }

    private void Write()
    {
        var (view, replayPending) = read();
        var path = PathIn(folder);
        try
        {
            // Beside and renamed: a probe never sees half of it.
            var temporary = path + ".new";
            File.WriteAllBytes(temporary, JsonSerializer.SerializeToUtf8Bytes(
                new ReadyState(time.GetUtcNow(), view.State.ToString(), view.Life?.Id, replayPending), ReadyJson.Default.ReadyState));
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.ReadyFileNotWritten(path, e);
        }
    }

    /// <summary>Why the base is not ready; null: it is.</summary>
    public static string? FindObstacle(string folder, DateTimeOffset now)
    {
        var path = PathIn(folder);
        ReadyState? state;
        try
        {
            state = JsonSerializer.Deserialize(File.ReadAllBytes(path), ReadyJson.Default.ReadyState);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return $"{path}: {e.Message}";
        }

        if (state is null) return $"{path} is empty";
        if (now - state.At > Fresh)
            return string.Create(CultureInfo.InvariantCulture, $"no agent has written {path} since {state.At:O}");
        if (state.Base == nameof(BaseState.WithoutFigures)) return "Arklet answers, but its health lacks the JVM's figures";
        if (state.Base != nameof(BaseState.Up)) return $"Arklet does not answer: the base is {state.Base}";
        return state.ReplayPending ? $"modules are being brought back in base life {state.Life}" : null;
    }
}

internal sealed record ReadyState(DateTimeOffset At, string Base, string? Life, bool ReplayPending);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ReadyState))]
internal sealed partial class ReadyJson : JsonSerializerContext;
