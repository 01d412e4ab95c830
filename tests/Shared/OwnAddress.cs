using System.Net;

namespace ModuleController.Tests;

/// <summary>
/// Loopback addresses that nobody else listens on. What ends and comes back on the same port needs one: on 127.0.0.1, from which
/// all connections go out, the next of them may be given the port meanwhile.
/// </summary>
public static class OwnAddress
{
    private static int _count;

    /// <summary>By process and number, since several test programs may run at once.</summary>
    public static IPAddress Next()
    {
        var number = Interlocked.Increment(ref _count);
        return new([127, (byte)(66 + (number / 250)), (byte)((Environment.ProcessId % 250) + 1), (byte)((number % 250) + 1)]);
    }
}
