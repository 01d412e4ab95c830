using ModuleController.Kube.Client;

namespace ModuleController.ControlPlane.Reconcilers.Execution;

/// <summary>Counts the writes that the API server answered, whatever the answer: while it rises there is no outage.</summary>
/// <remarks>Reads are not counted: they are also answered by an API server that cannot write.</remarks>
internal sealed class AnsweredWrites
{
    private long _count;

    public long Count => Interlocked.Read(ref _count);

    public async Task<T> CountAsync<T>(Func<Task<T>> write)
    {
        try
        {
            var result = await write();
            Interlocked.Increment(ref _count);
            return result;
        }
        catch (KubeException exception) when (!exception.Error.IsOutage)
        {
            Interlocked.Increment(ref _count);
            throw;
        }
    }
}
