using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using ModuleController.Core.Builtin;
using ModuleController.Core.Meta;
using ModuleController.Kube.Client;

namespace ModuleController.Kube.Hosting;

/// <summary>Writes core/v1 Events: what an operator wants to know about an object.</summary>
/// <remarks>
/// Recording never blocks and never fails its caller; what finds the queue full is dropped and counted.
/// An Event's name is computed from its content, so repeats, also after a restart, are counted in one Event.
/// Per object at most five Warnings at once and then three a minute; repeats beyond that count in the next write.
/// A terminating namespace takes no Events: none is tried there, and a refusal for that reason is no fault. Any other refusal is logged
/// as a warning.
/// </remarks>
/// <param name="isTerminating">Whether a namespace is known to be terminating.</param>
public sealed partial class EventRecorder(
    IKubeClient client, string component, string instance, TimeProvider time, ILogger<EventRecorder> logger, KubeMetrics? metrics = null,
    Func<string, bool>? isTerminating = null)
    : IDisposable
{
    public const string Normal = "Normal";
    public const string Warning = "Warning";

    private const int MostKept = 4096;
    private const int LongestMessage = 1024;   // the API server's limit
    private static readonly TimeSpan KeptFor = TimeSpan.FromMinutes(30);

    private readonly Channel<Note> _notes = Channel.CreateBounded<Note>(
        new BoundedChannelOptions(1000) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });
    private readonly Dictionary<(string Uid, string Type), EventBudget> _budgets = [];
    private readonly Dictionary<ObjectKey, Series> _series = [];
    private readonly CancellationTokenSource _stop = new();
    private Task _run = Task.CompletedTask;

    /// <summary>Notes an Event about an object; it is written later.</summary>
    public void Record<T>(T subject, string type, string reason, string message) where T : class, IResource
    {
        var meta = subject.Metadata;
        Record(
            new()
            {
                ApiVersion = T.Kind.ApiVersion,
                Kind = T.Kind.Kind,
                Namespace = meta.Namespace,
                Name = meta.Name,
                Uid = meta.Uid,
                ResourceVersion = meta.ResourceVersion,
            },
            type, reason, message);
    }

    /// <summary>Notes an Event about the owner of an object in this namespace. We need not know its kind.</summary>
    public void Record(OwnerReference owner, string? ns, string type, string reason, string message) => Record(
        new ObjectReference { ApiVersion = owner.ApiVersion, Kind = owner.Kind, Namespace = ns, Name = owner.Name, Uid = owner.Uid },
        type, reason, message);

    private void Record(ObjectReference about, string type, string reason, string message)
    {
        message = UrlText.In(message);
        var note = new Note(
            about,
            type,
            reason,
            message.Length <= LongestMessage ? message : message[..LongestMessage],
            time.GetUtcNow());
        if (!_notes.Writer.TryWrite(note)) metrics?.EventDropped("queue full");
    }

    public Task StartAsync(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var token = _stop.Token;
        _run = Task.Run(() => RunAsync(token), CancellationToken.None);
        return Task.CompletedTask;
    }

    /// <summary>Writes what is noted, until the deadline.</summary>
    public async Task StopAsync(CancellationToken deadline)
    {
        _notes.Writer.TryComplete();
        await using (deadline.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _stop)) await _run;
    }

    public void Dispose() => _stop.Dispose();

    private async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            await foreach (var note in _notes.Reader.ReadAllAsync(cancellation)) await WriteAsync(note, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The deadline of stopping.
        }
    }

    private async Task WriteAsync(Note note, CancellationToken cancellation)
    {
        Prune(note.At);
        var key = KeyOf(note);
        if (isTerminating?.Invoke(key.Namespace!) == true) return;
        if (_series.TryGetValue(key, out var series)) series = series with { Count = series.Count + 1, Last = note.At };
        else series = new(1, note.At, note.At, IsWritten: false);
        if (!BudgetOf(note).TryTake(time.GetTimestamp(), time))
        {
            metrics?.EventDropped("rate");
            if (series.IsWritten) _series[key] = series;
            return;
        }

        try
        {
            _series[key] = await SaveAsync(key, note, series, cancellation) with { IsWritten = true };
        }
        catch (KubeException exception) when (exception.Error is { IsNamespaceTerminating: true } or { IsNotFound: true })
        {
            LogNamespaceEnds(note.Reason, note.About.Kind, key, exception.Message);   // or has ended already
        }
        catch (KubeException exception)
        {
            metrics?.EventDropped("refused");
            LogLost(note.Reason, note.About.Kind, key, ExceptionText.Of(exception));
        }
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
        {
            // A bug of ours costs this Event and none of the next.
            metrics?.EventDropped("failed");
            LogFailed(exception, note.Reason, note.About.Kind, key);
        }
    }

    private async Task<Series> SaveAsync(ObjectKey key, Note note, Series series, CancellationToken cancellation)
    {
        if (series.IsWritten)
        {
            try
            {
                await CountAsync(key, series, cancellation);
                return series;
            }
            catch (KubeException exception) when (exception.IsNotFound)
            {
                // Events are kept for an hour or so; this one has expired and is created again.
            }
        }

        try
        {
            await client.CreateAsync(ToEvent(key, note, series), component, cancellation);
            return series;
        }
        catch (KubeException exception) when (exception.IsAlreadyExists)
        {
            // Written by an earlier process: the count continues.
            var old = await client.GetAsync<Event>(key, cancellation);
            series = series with { Count = (old.Count ?? 1) + series.Count };
            await CountAsync(key, series, cancellation);
            return series;
        }
    }

    private Task<Event> CountAsync(ObjectKey key, Series series, CancellationToken cancellation) => client.PatchAsync<Event>(
        key,
        new()
        {
            ["count"] = series.Count,
            ["lastTimestamp"] = series.Last.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
        },
        new(component),
        cancellation);

    private Event ToEvent(ObjectKey key, Note note, Series series) => new()
    {
        Metadata = new() { Name = key.Name, Namespace = key.Namespace },
        InvolvedObject = note.About,
        Type = note.Type,
        Reason = note.Reason,
        Message = note.Message,
        Count = series.Count,
        FirstTimestamp = series.First,
        LastTimestamp = series.Last,
        Source = new(component),
        ReportingComponent = component,
        ReportingInstance = instance,
    };

    private EventBudget BudgetOf(Note note)
    {
        var key = (note.About.Uid ?? note.About.Name ?? "", note.Type);
        if (!_budgets.TryGetValue(key, out var budget))
        {
            _budgets[key] = budget = note.Type == Warning
                ? new(5, TimeSpan.FromSeconds(20), time.GetTimestamp())
                : new(25, TimeSpan.FromSeconds(2), time.GetTimestamp());
        }

        return budget;
    }

    /// <summary>What was last needed long ago is forgotten; only rates and counts of then go with it.</summary>
    private void Prune(DateTimeOffset now)
    {
        if (_series.Count > MostKept)
        {
            foreach (var key in _series.Where(pair => now - pair.Value.Last > KeptFor).Select(pair => pair.Key)
                .ToArray()) _series.Remove(key);
            if (_series.Count > MostKept) _series.Clear();
        }

        if (_budgets.Count <= MostKept) return;
        foreach (var key in _budgets.Where(pair => pair.Value.IsFull(time)).Select(pair => pair.Key).ToArray()) _budgets.Remove(key);
    }

    private static ObjectKey KeyOf(Note note)
    {
        var about = note.About;
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{about.Kind}\n{about.Uid}\n{note.Type}\n{note.Reason}\n{note.Message}"));
        var name = about.Name ?? "";
        return new(
            about.Namespace is { Length: > 0 } ns ? ns : "default",
            $"{(name.Length <= 200 ? name : name[..200])}.{Convert.ToHexStringLower(hash.AsSpan(0, 8))}");
    }

    private sealed record Note(ObjectReference About, string Type, string Reason, string Message, DateTimeOffset At);

    private sealed record Series(int Count, DateTimeOffset First, DateTimeOffset Last, bool IsWritten);

    [LoggerMessage(LogLevel.Debug, "Event {Reason} on {Kind} {Key} is not written, because its namespace is terminating: {Why}")]
    private partial void LogNamespaceEnds(string reason, string? kind, ObjectKey key, string why);

    [LoggerMessage(LogLevel.Warning, "Event {Reason} on {Kind} {Key} is lost: {Why}")]
    private partial void LogLost(string reason, string? kind, ObjectKey key, string why);

    [LoggerMessage(LogLevel.Error, "Event {Reason} on {Kind} {Key} is lost")]
    private partial void LogFailed(Exception exception, string reason, string? kind, ObjectKey key);
}
