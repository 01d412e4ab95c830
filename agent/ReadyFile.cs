using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using ModuleController.Agent.Observing;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent;

/// <summary>The file that <c>agent ready</c> reads: whether the agent runs, Arklet answers, and no replay is pending.</summary>
/// <remarks>One loop writes the file. Other loops only request that.</remarks>
public sealed class ReadyFile(string folder, Func<(BaseView View, bool IsReplayPending)> read, TimeProvider time, ILogger log)
{
    private readonly Channel<bool> _requests =
        Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>An agent writes the file at least this often. One unanswered query can take 15 s.</summary>
    private static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(30);

    private static string PathIn(string folder) => Path.Combine(folder, "ready.json");

    /// <summary>Requests a write. Never waits.</summary>
    public void RequestWrite() => _requests.Writer.TryWrite(true);

    public async Task RunAsync(CancellationToken cancellation)
    {
        await foreach (var _ in _requests.Reader.ReadAllAsync(cancellation)) Write();
    }

    private void Write()
    {
        var (view, replayPending) = read();
        var path = PathIn(folder);
        try
        {
            // Renamed, so that a probe never reads an incomplete file.
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
        if (now - state.At > MaxAge)
            return string.Create(CultureInfo.InvariantCulture, $"the agent has not written {path} since {state.At:O}");
        if (state.Base == nameof(BaseState.WithoutFigures)) return "Arklet answers, but its health says nothing about the JVM";
        if (state.Base != nameof(BaseState.Up)) return $"Arklet does not answer: the base is {state.Base}";
        return state.ReplayPending ? $"modules are being replayed in base life {state.Life}" : null;
    }
}

internal sealed record ReadyState(DateTimeOffset At, string Base, string? Life, bool ReplayPending);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ReadyState))]
internal sealed partial class ReadyJson : JsonSerializerContext;
