namespace ModuleController.Dev.ArkletSimulator;

/// <summary>
/// The JVM's Metaspace. Its limit applies to what is committed. What removed modules used stays committed until it is needed,
/// since only a full collection unloads classes. It is changed only under the container's lock.
/// </summary>
internal sealed class Metaspace(long max)
{
    // A base without modules, what its first module loads for all, and a module without a value of its own.
    private const long BaseUsed = 50_400_000, BaseCommitted = 51_000_000, Shared = 1_200_000, ModuleUsed = 130_000;

    private long _used = BaseUsed;
    private long _committed = BaseCommitted;
    private long _garbageUsed;
    private long _garbageCommitted;
    private bool _isSharedLoaded;

    public long Max => max;

    public long Used => _used + _garbageUsed;

    public long Committed => _committed + _garbageCommitted;

    /// <summary>Allocates what this biz needs; false if that would exceed the limit.</summary>
    public bool TryTake(SimulatedBiz biz)
    {
        if (!_isSharedLoaded) (_used, _committed, _isSharedLoaded) = (_used + Shared, _committed + Shared, true);
        var used = biz.Behavior.MetaspaceBytes ?? ModuleUsed;
        var committed = Math.Max(used, biz.Behavior.CommittedMetaspaceBytes ?? used);
        if (max >= 0 && Committed + committed > max) (_garbageUsed, _garbageCommitted) = (0, 0);
        if (max >= 0 && Committed + committed > max) return false;
        (_used, _committed, biz.UsedMetaspace, biz.CommittedMetaspace) = (_used + used, _committed + committed, used, committed);
        return true;
    }

    public void Leave(SimulatedBiz biz)
    {
        (_used, _committed) = (_used - biz.UsedMetaspace, _committed - biz.CommittedMetaspace);
        (_garbageUsed, _garbageCommitted) = (_garbageUsed + biz.UsedMetaspace, _garbageCommitted + biz.CommittedMetaspace);
    }
}
