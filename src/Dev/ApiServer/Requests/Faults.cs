namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>Injects faults into the cluster. These are calls in the process, out of reach of any request.</summary>
public sealed class Faults(EventLog log)
{
    private readonly Lock _gate = new();
    private readonly List<Rejection> _refusals = [];
    private long _eventDelayTicks;

    /// <summary>The delay of events to watchers.</summary>
    public TimeSpan EventDelay
    {
        get => TimeSpan.FromTicks(Interlocked.Read(ref _eventDelayTicks));
        set => Interlocked.Exchange(ref _eventDelayTicks, value.Ticks);
    }

    /// <summary>Discards the history: a watch or list that continues from before now is answered with 410.</summary>
    public void CompactNow() => log.Compact();

    /// <summary>Ends the open watches of a resource ("pods", "deployments.apps"), or all, in the middle of the stream.</summary>
    public void CutWatches(string? resource = null) => log.CutWatches(resource);

    /// <summary>
    /// Answers the next requests that match with a code, without carrying them out. An empty verb or resource matches any;
    /// "write" stands for all verbs that change something.
    /// </summary>
    public void RejectNext(
        int count, string verb = "", string resource = "", int code = 500, TimeSpan? retryAfter = null)
    {
        lock (_gate) _refusals.Add(new(verb, resource, code, retryAfter) { Left = count });
    }

    /// <summary>As <see cref="RejectNext"/>, but carries the request out first: the client does not learn that it succeeded.</summary>
    public void LoseAnswersOfNext(int count, string verb = "write", string resource = "", int code = 504)
    {
        lock (_gate) _refusals.Add(new(verb, resource, code, null) { Left = count, IsAfterwards = true });
    }

    public void Clear()
    {
        lock (_gate) _refusals.Clear();
        EventDelay = TimeSpan.Zero;
    }

    internal void ThrowIfRejected(string verb, string resource, bool isAfterwards)
    {
        lock (_gate)
        {
            var refusal = _refusals.Find(one => one.IsAfterwards == isAfterwards && one.Matches(verb, resource));
            if (refusal is null) return;
            if (--refusal.Left == 0) _refusals.Remove(refusal);
            var isOverload = refusal.Code == 429;      // which a real server answers without a Status
            var message = isOverload ? "Too many requests, please try again later.\n" : $"rejected by a fault ({verb} {resource})";
            throw new StatusException(refusal.Code, Reason(refusal.Code), message)
            {
                IsPlainText = isOverload,
                RetryAfter = refusal.RetryAfter,
            };
        }
    }

    private static string Reason(int code) => code switch
    {
        403 => "Forbidden",
        409 => "Conflict",
        422 => "Invalid",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "InternalError",
    };

    private sealed record Rejection(string Verb, string Resource, int Code, TimeSpan? RetryAfter)
    {
        public int Left { get; set; }

        public bool IsAfterwards { get; init; }

        public bool Matches(string verb, string resource) =>
            (Verb.Length == 0 || Verb == verb || (Verb == "write" && verb is not ("get" or "list" or "watch")))
            && (Resource.Length == 0 || Resource == resource);
    }
}
