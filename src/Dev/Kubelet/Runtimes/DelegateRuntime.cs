using ModuleController.Dev.Kubelet.Containers;

namespace ModuleController.Dev.Kubelet.Runtimes;

/// <summary>Runs images as functions of this process: for tests, and for a thousand bases at a time.</summary>
/// <remarks>
/// A container has started when its function has reached its first await: what starts after it, such as a main
/// container after its sidecar, does not run before that.
/// </remarks>
/// <param name="images">The function of each image; the token asks it to end. Its result is the exit code.</param>
public sealed class DelegateRuntime(
    IReadOnlyDictionary<string, Func<ContainerStart, CancellationToken, Task<int>>> images, IContainerRuntime? others = null)
    : IContainerRuntime
{
    public IContainer Start(ContainerStart start) =>
        images.TryGetValue(start.Image, out var run) ? new DelegateContainer(run, start)
        : others is not null ? others.Start(start)
        : throw new UnknownImageException(start.Image);

    private sealed class DelegateContainer : IContainer
    {
        private readonly CancellationTokenSource _stop = new();

        public DelegateContainer(Func<ContainerStart, CancellationToken, Task<int>> run, ContainerStart start) =>
            Exited = RunAsync(run, start);

        public Task<int> Exited { get; }

        public void Terminate() => _stop.Cancel();

        public void Kill() => _stop.Cancel(); // a function cannot be forced to end

        public Task<bool> ExecAsync(IReadOnlyList<string> command, CancellationToken cancellation) => Task.FromResult(true);

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await Exited;
            _stop.Dispose();
        }

        private async Task<int> RunAsync(Func<ContainerStart, CancellationToken, Task<int>> run, ContainerStart start)
        {
            try
            {
                return await run(start, _stop.Token);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return 143;
            }
            catch (Exception problem)
            {
                start.Log.Write(problem.ToString());
                return 1;
            }
        }
    }
}
