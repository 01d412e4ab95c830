using ModuleController.Dev.Cluster;
using ModuleController.Dev.Cluster.Demo;

return args switch
{
    ["demo", .. var options] => await DemoCommand.RunAsync(options),
    ["serve", .. var options] => await ServeCommand.RunAsync(options),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine($"""
        usage: devcluster {DemoOptions.Usage}
               devcluster {ServeCommand.Usage}
        """);
    return 2;
}
