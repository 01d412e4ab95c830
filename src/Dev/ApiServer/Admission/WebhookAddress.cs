namespace ModuleController.Dev.ApiServer.Admission;

/// <summary>Where a webhook is: at a URL, or on a port of a Service. The bundle is the PEM of the authorities that it trusts.</summary>
internal sealed record WebhookAddress(Uri Url, string? Bundle, string Namespace = "", string Service = "", long Port = 0)
{
    public bool IsService => Service.Length > 0;

    public static WebhookAddress Of(JsonNode? config)
    {
        var bundle = config.Text("caBundle");
        if (config.Text("url") is { } url) return new(new Uri(url), bundle);
        var service = config.At("service");
        var (ns, name, port) = (service.Text("namespace") ?? "", service.Text("name") ?? "", service.Number("port") ?? 443);
        var at = new UriBuilder(Uri.UriSchemeHttps, $"{name}.{ns}.svc", (int)port, service.Text("path") ?? "/").Uri;
        return new(at, bundle, ns, name, port);
    }

    /// <summary>The URL of a call, as messages quote it: a Service's with its port, even the usual one.</summary>
    public string TextWith(TimeSpan timeout)
    {
        var host = IsService ? $"{Url.Host}:{Port}" : Url.Authority;
        return $"https://{host}{(Url.AbsolutePath == "/" && !IsService ? "" : Url.AbsolutePath)}?timeout={(long)timeout.TotalSeconds}s";
    }
}
