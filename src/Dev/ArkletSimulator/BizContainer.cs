namespace ModuleController.Dev.ArkletSimulator;

/// <summary>The container's answer to a command without an exception: its own code, not the envelope's.</summary>
internal sealed record ContainerAnswer(string Code, string Message, SimulatedBiz? Biz = null, long? ElapsedSpace = null);

/// <summary>
/// The biz of one base life and their state changes. Commands on different biz, and on different versions of one,
/// run concurrently.
/// </summary>
internal sealed class BizContainer(SimulatedBaseOptions options, EventLog log, Func<string, string, BizBehavior> orders, Action exit)
{
    private readonly Dictionary<string, SimulatedBiz> _registry = [];
    private readonly Metaspace _metaspace = new(options.MaxMetaspace);
    private readonly Lock _gate = new();

    public (long Used, long Committed, long Max) Metaspace
    {
        get { lock (_gate) return (_metaspace.Used, _metaspace.Committed, _metaspace.Max); }
    }

    /// <summary>Every biz except the base itself, by priority, read under the lock.</summary>
    public IReadOnlyList<T> Read<T>(Func<SimulatedBiz, T> read)
    {
        lock (_gate) return [.. _registry.Values.OrderBy(b => b.Manifest.Priority).Select(read)];
    }

    public async Task<ContainerAnswer> InstallAsync(BizManifest manifest, string directory, CancellationToken life)
    {
        var started = options.Time.GetTimestamp();
        var behavior = orders(manifest.Name!, manifest.Version ?? "").Over(BizBehavior.Of(manifest));
        var biz = new SimulatedBiz(manifest, behavior, directory);
        long usedBefore;
        lock (_gate)
        {
            if (biz.Identity == $"{options.BaseName}:1.0.0" || !_registry.TryAdd(biz.Identity, biz))
            {
                log.Add(EventLog.Repeated, biz.Name, biz.Version);
                return new("REPEAT_BIZ", $"Biz: {biz.Identity} has been installed or registered.", null, 0);
            }

            usedBefore = _metaspace.Used;
        }

        log.Add(EventLog.InstallStarted, biz.Name, biz.Version);
        try
        {
            await StartAsync(biz, life);
        }
        catch (JavaException)
        {
            lock (_gate) Remove(biz);
            log.Add(EventLog.InstallFailed, biz.Name, biz.Version);
            throw;
        }

        log.Add(EventLog.Installed, biz.Name, biz.Version);
        var cost = options.Time.GetElapsedTime(started).TotalMilliseconds;
        lock (_gate)
            return new("SUCCESS", $"Install Biz: {biz.Identity} success, cost: {cost:F0} ms", biz, _metaspace.Used - usedBefore);
    }

    public async Task<ContainerAnswer> UninstallAsync(string name, string version, CancellationToken life)
    {
        SimulatedBiz? biz;
        lock (_gate)
        {
            if (name == options.BaseName) return new("FAILED", "Master biz must not be uninstalled.");
            if (!_registry.TryGetValue($"{name}:{version}", out biz))
                return new("NOT_FOUND_BIZ", $"Uninstall biz: {name}:{version} not found.");
            if (biz.State == "resolved")
                throw JavaException.Thrown("java.lang.IllegalArgumentException: BizState must be ACTIVATED, DEACTIVATED or BROKEN.");
            biz.Become("deactivated");
            biz.IsServing = false;
        }

        if (biz.Behavior.DuringUninstall is { } duringUninstall) await duringUninstall(life);
        await Task.Delay(biz.Behavior.UninstallTime ?? TimeSpan.Zero, options.Time, life);
        lock (_gate) Remove(biz);
        log.Add(EventLog.Uninstalled, name, version);
        if (biz.Behavior.IsPlain == true)       // the base's plugin closes a Spring context that isn't there
        {
            const string Cause = "java.lang.NullPointerException: Cannot invoke " +
                "\"com.alipay.sofa.koupleless.common.model.ApplicationContextHolder.close()\" because \"this.applicationContext\" is null";
            throw JavaException.Thrown("com.alipay.sofa.koupleless.common.exception.BizRuntimeException: " + Cause, Cause);
        }

        return new("SUCCESS", $"Uninstall biz: {name}:{version} success.");
    }

    public ContainerAnswer Switch(string name, string version)
    {
        lock (_gate)
        {
            if ((name, version) == (options.BaseName, "1.0.0")) return Activated();
            if (!_registry.TryGetValue($"{name}:{version}", out var biz))
                return new("NOT_FOUND_BIZ", $"Switch biz: {name}:{version} not found.");
            if (biz.State is not ("activated" or "deactivated"))
                return new("ILLEGAL_STATE_BIZ", $"Switch Biz: {name}:{version}'s state must not be {biz.State}.");
            if (biz.Behavior.SwitchFailCause is { } cause) throw JavaException.Thrown(cause);
            if (biz.State == "activated") return Activated();
            foreach (var other in _registry.Values.Where(b => b.Name == name && b.State == "activated")) other.Become("deactivated");
            biz.Become("activated");
        }

        log.Add(EventLog.Switched, name, version);
        return Activated();

        ContainerAnswer Activated() => new("SUCCESS", $"Switch biz: {name}:{version} is activated.");
    }

    private async Task StartAsync(SimulatedBiz biz, CancellationToken life)
    {
        TakePath(biz);      // Spring starts the web server before the module's own beans
        if (biz.Behavior.Hangs == true) await Task.Delay(Timeout.InfiniteTimeSpan, options.Time, life);
        if (biz.Behavior.DuringInstall is { } duringInstall) await duringInstall(life);
        await Task.Delay(biz.Behavior.InstallTime ?? options.InstallTime, options.Time, life);
        if (biz.Behavior.Exits == true)
        {
            exit();
            await Task.Delay(Timeout.InfiniteTimeSpan, options.Time, life);
        }

        if (biz.Behavior.FailCause is { } cause) throw JavaException.StartFailed(cause);
        lock (_gate)
        {
            if (!_metaspace.TryTake(biz)) throw JavaException.StartFailed("java.lang.OutOfMemoryError: Metaspace");
            biz.IsServing = biz.WebContextPath is not null;
            biz.Become(_registry.Values.Any(b => b.Name == biz.Name && b.State == "activated") ? "deactivated" : "activated");
        }

        if (biz.Behavior.ExitsAfter is { } later) _ = ExitLaterAsync(biz, later, life);
    }

    /// <summary>Ends at the latest with the life.</summary>
    private async Task ExitLaterAsync(SimulatedBiz biz, TimeSpan later, CancellationToken life)
    {
        try
        {
            await Task.Delay(later, options.Time, life);
        }
        catch (OperationCanceledException)
        {
            return;
        }

        lock (_gate)
            if (!_registry.ContainsValue(biz)) return;
        exit();
    }

    private void TakePath(SimulatedBiz biz)
    {
        if (biz.Behavior.IsPlain == true || biz.Manifest.WebContextPath is not { } path) return;
        lock (_gate)
        {
            if (_registry.Values.Any(b => b.WebContextPath == path))
                throw JavaException.StartFailed(
                    "org.springframework.context.ApplicationContextException: Unable to start web server",
                    $"java.lang.IllegalArgumentException: Child name [{path}] is not unique");
            biz.WebContextPath = path;
        }
    }

    private void Remove(SimulatedBiz biz)
    {
        _registry.Remove(biz.Identity);
        _metaspace.Leave(biz);
    }
}
