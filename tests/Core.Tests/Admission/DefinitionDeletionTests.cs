using ModuleController.Core.Admission;

namespace ModuleController.Core.Tests.Admission;

public class DefinitionDeletionTests
{
    private const string Name = "modules.koupleless.io";

    private const string WhatToDo = "Delete them first, and wait until the controller has uninstalled their modules: "
        + "kubectl delete mddeploy --all --all-namespaces";

    [Fact]
    public void Without_ModuleDeployments_it_is_allowed() => Assert.Null(DefinitionDeletion.Refusal(Name, [], areMore: false));

    [Fact]
    public void The_refusal_counts_by_namespace_and_says_what_to_do()
    {
        Assert.Equal($"{Name} is not deleted: 1 ModuleDeployment exists (shop: 1). {WhatToDo}",
            DefinitionDeletion.Refusal(Name, ["shop"], areMore: false));
        Assert.Equal($"{Name} is not deleted: 4 ModuleDeployments exist (shop: 2, pay: 1, web: 1). {WhatToDo}",
            DefinitionDeletion.Refusal(Name, ["web", "shop", "pay", "shop"], areMore: false));
    }

    [Fact]
    public void Not_all_namespaces_are_named_and_not_everything_is_counted()
    {
        Assert.Equal($"{Name} is not deleted: 6 ModuleDeployments exist (a: 1, b: 1, c: 1, d: 1, e: 1, and others). {WhatToDo}",
            DefinitionDeletion.Refusal(Name, ["f", "e", "d", "c", "b", "a"], areMore: false));
        Assert.Equal($"{Name} is not deleted: more than 2 ModuleDeployments exist (shop: 2, and others). {WhatToDo}",
            DefinitionDeletion.Refusal(Name, ["shop", "shop"], areMore: true));
    }
}
