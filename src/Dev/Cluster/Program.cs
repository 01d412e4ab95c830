using System.CommandLine;
using ModuleController.Dev.Cluster;
using ModuleController.Dev.Cluster.Demo;
using ModuleController.Dev.CommandLine;

var command = new RootCommand("Runs a Kubernetes cluster in one process, for development.") { HelpName = "devcluster" };
command.Subcommands.Add(DemoCommand.Create());
command.Subcommands.Add(ServeCommand.Create());
return await CommandLineProgram.InvokeAsync(command, args);
