using ModuleController.Dev.Kubelet.Containers;
using YamlDotNet.Serialization;
using YamlDotNet.Serialization.NamingConventions;

namespace ModuleController.Dev.Kubelet.Runtimes;

/// <summary>The program on this machine that runs for an image.</summary>
public sealed record ImageEntry
{
    public string Image { get; set; } = "";

    /// <summary>The program and its first arguments; <c>$(NAME)</c> is a variable of the container's environment.</summary>
    public List<string> Command { get; set; } = [];

    /// <summary>The program's name inside the image. It is replaced at the start of commands and exec probes.</summary>
    public string? Entrypoint { get; set; }

    public Dictionary<string, string> Env { get; set; } = [];
}

/// <summary>The table of images, from YAML; an unknown field is an error.</summary>
public sealed class ImageTable(IReadOnlyList<ImageEntry> entries)
{
    public static ImageTable Parse(string yaml) => new(new DeserializerBuilder()
        .WithNamingConvention(CamelCaseNamingConvention.Instance)
        .Build()
        .Deserialize<List<ImageEntry>>(yaml) ?? []);

    /// <summary>Tags are ignored: <c>modulecontroller/agent:1.2</c> is <c>modulecontroller/agent</c>.</summary>
    public ImageEntry Find(string image)
    {
        var colon = image.LastIndexOf(':');
        var name = colon > image.LastIndexOf('/') ? image[..colon] : image;
        return entries.FirstOrDefault(entry => entry.Image == name) ?? throw new UnknownImageException(image);
    }
}
