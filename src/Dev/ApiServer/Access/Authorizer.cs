namespace ModuleController.Dev.ApiServer.Access;

/// <summary>Decides by the RBAC objects of the cluster, which are compiled again after each change.</summary>
public sealed class Authorizer(EventLog log)
{
    private const string Group = "rbac.authorization.k8s.io";

    private volatile Compiled? _compiled;

    public Decision Decide(User user, RequestAttributes request) =>
        user.Groups.Contains(User.Masters) ? new(true, "") : Current().Decide(user, request);

    private RbacPolicy Current()
    {
        var (clusterRoles, roles) = (log.List($"clusterroles.{Group}"), log.List($"roles.{Group}"));
        var (clusterBindings, bindings) = (log.List($"clusterrolebindings.{Group}"), log.List($"rolebindings.{Group}"));
        object[] sources = [clusterRoles.Objects, roles.Objects, clusterBindings.Objects, bindings.Objects];
        if (_compiled is { } compiled && compiled.Sources.SequenceEqual(sources, ReferenceEqualityComparer.Instance))
            return compiled.Policy;
        var policy = RbacPolicy.Of(clusterRoles, roles, clusterBindings, bindings);
        _compiled = new(sources, policy);
        return policy;
    }

    /// <summary>Snapshots are immutable: the same instances mean that nothing has changed.</summary>
    private sealed record Compiled(object[] Sources, RbacPolicy Policy);
}
