namespace ModuleController.Dev.ApiServer.Requests;

/// <summary>The ways to break the cluster, on purpose and by name. Calls in the process only: no request can reach them.</summary>
public sealed class Faults(EventLog log)
{
    private readonly Lock _gate = new();
    private readonly List<Refusal> _refusals = [];
    private long _eventDelayTicks;

    /// <summary>How late watchers are told of changes.</summary>
    public TimeSpan EventDelay
    {
        get => TimeSpan.FromTicks(Interlocked.Read(ref _eventDelayTicks));
        set => Interlocked.Exchange(ref _eventDelayTicks, value.Ticks);
    }

    /// <summary>Forgets the history: whoever resumes a watch or a list from before now is told 410.</summary>
    public void CompactNow() => log.Compact();

    /// <summary>Ends the open watches of a resource ("pods", "deployments.apps"), or all, in the middle of the stream.</summary>
    public void CutWatches(string? resource = null) => log.CutWatches(resource);

    /// <summary>
    /// Answers the next requests that match with a code and does not carry them out. An empty verb or resource matches any;
    /// "write" stands for all verbs that change something.
    /// </summary>
    public void RefuseNext(
        int count, string verb = "", string resource = "", int code = 500, TimeSpan? retryAfter = null)
    {
        lock (_gate) _refusals.Add(new(verb, resource, code, retryAfter) { Left = count });
    }

    /// <summary>As <see cref="RefuseNext"/>, but carries the request out first: the client does not learn that it worked.</summary>
    public void LoseAnswersOfNext(int count, string verb = "write", string resource = "", int code = 504)
    {
        lock (_gate) _refusals.Add(new(verb, resource, code, null) { Left = count, IsAfterwards = true });
    }

    public void Clear()
    {
        lock (_gate) _refusals.Clear();
        EventDelay = TimeSpan.Zero;
    }

    internal void ThrowIfRefused(string verb, string resource, bool isAfterwards)
    {
        lock (_gate)
        {
            var refusal = _refusals.Find(one => one.IsAfterwards == isAfterwards && one.Matches(verb, resource));
            if (refusal is null) return;
            if (--refusal.Left == 0) _refusals.Remove(refusal);
            var isOverload = refusal.Code == 429;      // which a real server answers without a Status
            var message = isOverload ? "Too many requests, please try again later.\n" : $"refused by a fault ({verb} {resource})";
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

    private sealed record Refusal(string Verb, string Resource, int Code, TimeSpan? RetryAfter)
    {
        public int Left { get; set; }

        public bool IsAfterwards { get; init; }

        public bool Matches(string verb, string resource) =>
            (Verb.Length == 0 || Verb == verb || (Verb == "write" && verb is not ("get" or "list" or "watch")))
            && (Resource.Length == 0 || Resource == resource);
    }
}
