using System.Text;
using CsCheck;
using Microsoft.AspNetCore.Http;
using ModuleController.Core.Builtin;
using ModuleController.Kube.Client;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Client;

public sealed class WatchTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Events_come_in_order_also_where_a_line_comes_in_pieces()
    {
        const string Lines = """
            {"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"1"}}}
            {"object":{"metadata":{"name":"a","resourceVersion":"2"}},"type":"MODIFIED","more":{"x":[1]}}

            {"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"5"}}}
            {"type":"DELETED","object":{"metadata":{"name":"a","resourceVersion":"6"}}}

            """;
        foreach (var piece in new[] { 1, 7, 64, 4096 })
        {
            var events = await WatchAsync(async (response, _) =>
            {
                foreach (var part in Encoding.UTF8.GetBytes(Lines).Chunk(piece))
                {
                    await response.Body.WriteAsync(part, Cancellation);
                    if (piece > 1) await response.Body.FlushAsync(Cancellation);
                }
            });

            Assert.Equal(
                ["Added a 1", "Modified a 2", "Bookmark  5", "Deleted a 6"],
                events.Select(happened => $"{happened.Type} {happened.Object?.Metadata.Name} {happened.ResourceVersion}"));
        }
    }

    [Fact]
    public async Task Errors_and_unreadable_lines_are_values()
    {
        var events = await WatchAsync((response, ending) => response.WriteAsync($$$$"""
            {"type":"ADDED","object":{"metadata":{"name":"a"},"spec":{"nodeName":[]}}}
            {"type":"GROWN","object":{}}
            no json
            []
            {"type":"ADDED"}
            {"type":"BOOKMARK","object":{}}
            {"type":"ERROR","object":{{{{ScriptedApi.Status(410, "Expired")}}}}}

            """, ending));

        Assert.All(events, happened => Assert.Equal(WatchEventType.Error, happened.Type));
        Assert.Equal(7, events.Count);
        Assert.All(events.Take(6), happened => Assert.Equal(KubeError.Unreadable, happened.Error!.Reason));
        Assert.True(events[6].Error!.IsExpired);
    }

    [Fact]
    public async Task A_last_line_that_was_cut_off_counts_as_not_sent()
    {
        var events = await WatchAsync((response, ending) => response.WriteAsync("""{"type":"ADDED","object":{"metadata":{"name":"a"}}}""", ending));
        Assert.Empty(events);
    }

    [Fact]
    public async Task A_stream_that_is_silent_past_its_time_is_an_error()
    {
        await using var api = await ScriptedApi.StartAsync();
        api.Answer = async (_, response, ending) =>
        {
            await response.Body.FlushAsync(ending);
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ending);
        };
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        using var client = api.Client(time: time);
        var reading = Task.Run(async () =>
        {
            await foreach (var _ in client.WatchAsync<Pod>(new() { Timeout = TimeSpan.FromMinutes(1) }, Cancellation)) { }
        }, Cancellation);
        await Eventually.True(() => !api.Requests.IsEmpty);
        Assert.Equal("60", api.Requests.Single().Asked("timeoutSeconds"));

        time.Advance(TimeSpan.FromSeconds(64));
        Assert.False(reading.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(1));
        var exception = await Assert.ThrowsAsync<KubeException>(() => reading);
        Assert.Equal(KubeError.TimedOut, exception.Error.Reason);
    }

    [Fact]
    public async Task A_stream_that_breaks_is_an_error_after_what_it_brought()
    {
        await using var api = await ScriptedApi.StartAsync();
        var arrived = new TaskCompletionSource();
        api.Answer = async (_, response, ending) =>
        {
            await response.WriteAsync("""{"type":"ADDED","object":{"metadata":{"name":"a"}}}""" + "\n", ending);
            await response.Body.FlushAsync(ending);
            await arrived.Task.WaitAsync(ending);
            response.HttpContext.Abort();
        };
        using var client = api.Client();
        var names = new List<string>();
        var exception = await Assert.ThrowsAsync<KubeException>(async () =>
        {
            await foreach (var happened in client.WatchAsync<Pod>(new(), Cancellation))
            {
                names.Add(happened.Object!.Metadata.Name);
                arrived.SetResult();
            }
        });
        Assert.Equal(["a"], names);
        Assert.True(exception.Error.IsUnanswered);
    }

    [Fact]
    public async Task No_line_whatever_is_in_it_ends_the_watch()
    {
        string[] seeds =
        [
            """{"type":"ADDED","object":{"metadata":{"name":"a","labels":{"x":"y"}},"status":{"conditions":[{}]}}}""",
            """{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"5"}}}""",
            """{"type":"ERROR","object":{"code":410,"details":{"causes":[{"reason":"x"}]}}}""",
        ];
        var line = Gen.Select(Gen.Int[0, 2], Gen.Int[0, 99], Gen.Byte, Gen.Int[0, 99]).Select((seed, at, value, length) =>
        {
            var bytes = Encoding.UTF8.GetBytes(seeds[seed]);
            bytes[at % bytes.Length] = value is (byte)'\n' or (byte)'\r' ? (byte)' ' : value;
            return bytes[..Math.Min(bytes.Length, 1 + (length * 2))];
        });

        await line.Array[2000].SampleAsync(
            async lines =>
            {
                var events = await WatchAsync((response, _) =>
                    response.Body.WriteAsync(lines.SelectMany(bytes => bytes.Append((byte)'\n')).ToArray(), Cancellation).AsTask());
                Assert.Equal(lines.Length, events.Count);
            },
            iter: 5, threads: 1);
    }

    private static async Task<List<WatchEvent<Pod>>> WatchAsync(Func<HttpResponse, CancellationToken, Task> answer)
    {
        await using var api = await ScriptedApi.StartAsync();
        api.Answer = (_, response, ending) => answer(response, ending);
        using var client = api.Client();
        var events = new List<WatchEvent<Pod>>();
        await foreach (var happened in client.WatchAsync<Pod>(new() { ResourceVersion = "1" }, Cancellation)) events.Add(happened);
        return events;
    }
}
