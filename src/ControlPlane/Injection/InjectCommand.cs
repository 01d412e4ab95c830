using System.CommandLine;
using System.Text.Json.Nodes;
using ModuleController.Core.Injection;

namespace ModuleController.ControlPlane.Injection;

/// <summary><c>inject -f FILE</c>: prints a manifest with the agent in each Deployment whose pod template requests it.</summary>
internal static class InjectCommand
{
    private const string StandardInput = "-";
    private const int Failure = 1;

    private static readonly InjectionOptions Defaults = new();

    public static Command Create()
    {
        var file = new Option<string>("--filename", "-f")
        {
            Description = "the manifest, YAML or JSON; - is standard input",
            HelpName = "FILE",
            Required = true,
        };
        var ns = Text("--namespace", "NAME", "the namespace of objects that name none", "default");
        var image = Text("--agent-image", "IMAGE", "the agent's image", Defaults.AgentImage);
        var controller = Text("--controller-address", "URL", "where agents connect", Defaults.Controller.GetLeftPart(UriPartial.Authority));
        var audience = Text("--agent-audience", "NAME", "the audience of agents' tokens", Defaults.Audience);
        var ca = Text("--ca-config-map", "NAME", "the ConfigMap with the controller's certificate authority", Defaults.CaConfigMap);
        var system = Text(
            "--controller-namespace", "NAME", "the controller's namespace, in which nothing is injected", Defaults.ControllerNamespace);
        controller.Validators.Add(result =>
        {
            if (result.Tokens is [.., var token] && InjectionOptions.AddressOf(token.Value) is null)
                result.AddError($"{controller.Name}: must be http://host:port or https://host:port, not \"{token.Value}\"");
        });

        var command = new Command(
            "inject",
            $"Prints a manifest with the agent in each Deployment whose pod template has the label {InjectionKeys.Inject}: \"true\".")
        {
            file, ns, image, controller, audience, ca, system,
        };
        command.SetAction(parsed => Run(
            parsed.GetRequiredValue(file), parsed.GetRequiredValue(ns),
            new()
            {
                AgentImage = parsed.GetRequiredValue(image),
                Controller = InjectionOptions.AddressOf(parsed.GetRequiredValue(controller))!,
                Audience = parsed.GetRequiredValue(audience),
                CaConfigMap = parsed.GetRequiredValue(ca),
                ControllerNamespace = parsed.GetRequiredValue(system),
            },
            parsed.InvocationConfiguration));
        return command;
    }

    /// <summary>0: nothing was rejected. Problems are printed to the error output, so that the manifest can be piped.</summary>
    private static int Run(string file, string ns, InjectionOptions options, InvocationConfiguration console)
    {
        IReadOnlyList<JsonObject> documents;
        try
        {
            using var text = file == StandardInput ? Console.In : File.OpenText(file);
            documents = ManifestReader.Read(text);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or FormatException)
        {
            console.Error.WriteLine($"inject: {(file == StandardInput ? "standard input" : file)}: {exception.Message}");
            return Failure;
        }

        var results = documents.Select(document => ManifestInjector.Inject(document, ns, options)).ToList();
        ManifestWriter.Write([.. results.Select(result => result.Manifest)], console.Output);
        foreach (var problem in results.SelectMany(result => result.Problems)) console.Error.WriteLine($"inject: {problem}");
        if (results.Any(result => result.Outcome == ManifestOutcome.NotInjected)) return Failure;
        if (results.All(result => result.Outcome == ManifestOutcome.NotRequested))
        {
            console.Error.WriteLine(
                $"inject: no object requests the agent: a Deployment needs the label {InjectionKeys.Inject}: \"true\" in its pod template");
        }

        return 0;
    }

    private static Option<string> Text(string name, string value, string meaning, string ifAbsent) =>
        new(name) { Description = meaning, HelpName = value, DefaultValueFactory = _ => ifAbsent };
}
