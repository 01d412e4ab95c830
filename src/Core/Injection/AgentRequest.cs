using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ModuleController.Core.Meta;

namespace ModuleController.Core.Injection;

/// <summary>What the annotations of a pod request of the injection.</summary>
internal sealed partial record AgentRequest
{
    public const int DefaultArkletPort = 1238;

    private const int MaxObjectName = 253;

    /// <summary>Null: the first container.</summary>
    public string? BaseContainer { get; private init; }

    public int ArkletPort { get; private init; } = DefaultArkletPort;

    /// <summary>The annotation is present. Without it the port is an assumption.</summary>
    public bool HasArkletPort { get; private init; }

    public required string Image { get; init; }

    public required AgentResources Resources { get; init; }

    public bool HasGate { get; private init; } = true;

    public bool AppendsJvmFlags { get; private init; }

    public string? ArtifactCa { get; private init; }

    public string? ArtifactCredentials { get; private init; }

    public string? ArtifactProxy { get; private init; }

    /// <summary>Reads the annotations. Each invalid value is a problem that names its annotation.</summary>
    public static (AgentRequest Request, IReadOnlyList<string> Problems) Read(JsonObject? annotations, InjectionOptions options)
    {
        var read = new Reader(annotations);
        var request = new AgentRequest
        {
            BaseContainer = read.Text(InjectionKeys.BaseContainer),
            ArkletPort = read.Port(InjectionKeys.ArkletPort),
            HasArkletPort = read.Text(InjectionKeys.ArkletPort) is not null,
            Image = read.Image(InjectionKeys.AgentImage) ?? options.AgentImage,
            Resources = read.Resources(options.Resources),
            HasGate = read.Flag(InjectionKeys.ReadinessGate, ifAbsent: true),
            AppendsJvmFlags = read.Flag(InjectionKeys.JvmFlags, ifAbsent: false),
            ArtifactCa = read.ObjectName(InjectionKeys.ArtifactCa, "ConfigMap"),
            ArtifactCredentials = read.ObjectName(InjectionKeys.ArtifactCredentials, "Secret"),
            ArtifactProxy = read.Proxy(InjectionKeys.ArtifactProxy),
        };
        return (request, read.Problems);
    }

    [GeneratedRegex(@"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?\z")]
    private static partial Regex Name();

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,511}\z")]
    private static partial Regex ImageName();

    private sealed class Reader(JsonObject? annotations)
    {
        private readonly List<string> _problems = [];

        public IReadOnlyList<string> Problems => _problems;

        public string? Text(string name) => annotations?.Text(name);

        public int Port(string name)
        {
            if (Text(name) is not { } text) return DefaultArkletPort;
            if (ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port > 0) return port;
            return Invalid(name, "a port from 1 to 65535", text, DefaultArkletPort);
        }

        public bool Flag(string name, bool ifAbsent) => Text(name) switch
        {
            null => ifAbsent,
            "true" => true,
            "false" => false,
            var text => Invalid(name, "\"true\" or \"false\"", text, ifAbsent),
        };

        public string? Image(string name) =>
            Text(name) is not { } text || ImageName().IsMatch(text) ? Text(name) : Invalid<string?>(name, "an image", text, null);

        public string? ObjectName(string name, string kind) =>
            Text(name) is not { } text || (text.Length <= MaxObjectName && Name().IsMatch(text))
                ? Text(name) : Invalid<string?>(name, $"the name of a {kind}", text, null);

        // A password in the url is visible to everyone who can read the pod, but no message repeats it: nothing before the last @ is shown,
        // also where the scheme is missing, as in build:secret@proxy:3128.
        public string? Proxy(string name) =>
            Text(name) is not { } text
            || (text.Length <= 2048 && Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https"
                && url.Host.Length > 0)
                ? Text(name)
                : Invalid<string?>(name, "a url such as http://proxy:3128", UrlText.Of(text[(text.LastIndexOf('@') + 1)..]), null);

        public AgentResources Resources(AgentResources defaults)
        {
            var (cpuRequest, cpuLimit) = Pair(
                InjectionKeys.CpuRequest, defaults.CpuRequest, InjectionKeys.CpuLimit, defaults.CpuLimit);
            var (memoryRequest, memoryLimit) = Pair(
                InjectionKeys.MemoryRequest, defaults.MemoryRequest, InjectionKeys.MemoryLimit, defaults.MemoryLimit);
            return new() { CpuRequest = cpuRequest, CpuLimit = cpuLimit, MemoryRequest = memoryRequest, MemoryLimit = memoryLimit };
        }

        /// <summary>The API server rejects a request above its limit. If the pod sets only one of the two, the other follows it.</summary>
        /// <remarks>Example: request 128Mi, default limit 64Mi: both are 128Mi.</remarks>
        private (string Request, string Limit) Pair(string request, string defaultRequest, string limit, string defaultLimit)
        {
            var (given, cap) = (QuantityOf(request), QuantityOf(limit));
            if (Quantity.Parse(given ?? defaultRequest) <= Quantity.Parse(cap ?? defaultLimit))
                return (given ?? defaultRequest, cap ?? defaultLimit);
            if (given is null) return (cap!, cap!);
            if (cap is not null) _problems.Add($"annotation {request} is above {limit}: {given} and {cap}");
            return (given, given);
        }

        private string? QuantityOf(string name) =>
            Text(name) is not { } text || Quantity.Parse(text) is not null
                ? Text(name) : Invalid<string?>(name, "a quantity above 0 such as 250m or 64Mi", text, null);

        private T Invalid<T>(string name, string expected, string text, T used)
        {
            _problems.Add($"annotation {name} must be {expected}, not \"{OperatorText.Within(OperatorText.MaxName, text)}\"");
            return used;
        }
    }
}
