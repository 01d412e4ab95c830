using System.Text.Json.Nodes;
using ModuleController.Dev.ApiServer.Storage;
using ModuleController.Tests;

namespace ModuleController.Kube.Tests.Conformance;

public sealed class AccessTests(ConformanceCluster cluster)
{
    private const string Rbac = "rbac.authorization.k8s.io";
    private const string Version = $"{Rbac}/v1";

    private string Roles => $"/apis/{Version}/namespaces/{cluster.Namespace}/roles";

    private string Bindings => $"/apis/{Version}/namespaces/{cluster.Namespace}/rolebindings";

    [Fact]
    public async Task A_request_with_an_unknown_token_is_401()
    {
        var answer = await cluster.SendAsAsync("unknown", HttpMethod.Get, cluster.ConfigMaps);
        AssertJson("""{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}""", answer);
    }

    [Fact]
    public async Task A_request_without_credentials_is_anonymous_and_may_read_the_version_alone()
    {
        Assert.Equal(200, (await cluster.SendAsAsync(null, HttpMethod.Get, "/version")).Code);
        AssertJson("""
            {"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",
             "message":"forbidden: User \"system:anonymous\" cannot get path \"/apis\"","reason":"Forbidden","details":{},"code":403}
            """, await cluster.SendAsAsync(null, HttpMethod.Get, "/apis"));
        Assert.Equal("pods is forbidden: User \"system:anonymous\" cannot list resource \"pods\" in API group \"\" at the cluster scope",
            (await cluster.SendAsAsync(null, HttpMethod.Get, "/api/v1/pods")).Message);
    }

    [Fact]
    public async Task A_request_that_no_rule_allows_is_403_and_names_what_is_missing()
    {
        var (account, token) = await cluster.NewAccountAsync();
        var user = $"system:serviceaccount:{cluster.Namespace}:{account}";
        AssertJson($$$"""
            {"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",
             "message":"widgets.{{{ConformanceCluster.Group}}} is forbidden: User \"{{{user}}}\" cannot list resource \"widgets\" in API group \"{{{ConformanceCluster.Group}}}\" in the namespace \"{{{cluster.Namespace}}}\"",
             "reason":"Forbidden","details":{"group":"{{{ConformanceCluster.Group}}}","kind":"widgets"},"code":403}
            """, await cluster.SendAsAsync(token, HttpMethod.Get, cluster.Widgets));
        AssertJson($$$"""
            {"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",
             "message":"widgets.{{{ConformanceCluster.Group}}} \"c\" is forbidden: User \"{{{user}}}\" cannot patch resource \"widgets/status\" in API group \"{{{ConformanceCluster.Group}}}\" in the namespace \"{{{cluster.Namespace}}}\"",
             "reason":"Forbidden","details":{"name":"c","group":"{{{ConformanceCluster.Group}}}","kind":"widgets"},"code":403}
            """, await cluster.SendAsAsync(token, HttpMethod.Patch, $"{cluster.Widgets}/c/status", new JsonObject(), "application/merge-patch+json"));
        Assert.Equal($"nodes is forbidden: User \"{user}\" cannot list resource \"nodes\" in API group \"\" at the cluster scope",
            (await cluster.SendAsAsync(token, HttpMethod.Get, "/api/v1/nodes")).Message);
        Assert.Equal(
            $"namespaces \"default\" is forbidden: User \"{user}\" cannot get resource \"namespaces\" in API group \"\" in the "
                + "namespace \"default\"",
            (await cluster.SendAsAsync(token, HttpMethod.Get, "/api/v1/namespaces/default")).Message);
        Assert.Equal(
            $"nothing.example.com is forbidden: User \"{user}\" cannot deletecollection resource \"nothing\" in API group "
                + "\"example.com\" at the cluster scope",
            (await cluster.SendAsAsync(token, HttpMethod.Delete, "/apis/example.com/v1/nothing")).Message);
        Assert.Equal(200, (await cluster.SendAsAsync(token, HttpMethod.Get, "/apis")).Code);
    }

    [Fact]
    public async Task A_role_allows_its_verbs_on_its_resources_in_its_namespace()
    {
        var (account, token) = await cluster.NewAccountAsync();
        await BindAsync(account, Rule("""{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list", "create"]}"""));
        Assert.Equal(200, (await AllowedAsync(token, HttpMethod.Get, cluster.ConfigMaps)).Code);
        Assert.Equal(201,
            (await cluster.SendAsAsync(token, HttpMethod.Post, cluster.ConfigMaps, Objects.ConfigMap(cluster.NewName()))).Code);
        Assert.Equal(403, (await cluster.SendAsAsync(token, HttpMethod.Get, $"{cluster.ConfigMaps}?watch=true")).Code);
        Assert.Equal(403, (await cluster.SendAsAsync(token, HttpMethod.Get, $"{cluster.ConfigMaps}/one")).Code);
        Assert.Equal(403, (await cluster.SendAsAsync(token, HttpMethod.Get, "/api/v1/namespaces/default/configmaps")).Code);
        Assert.Equal(403, (await cluster.SendAsAsync(token, HttpMethod.Get, cluster.Pods)).Code);
    }

    [Fact]
    public async Task A_rule_for_a_resource_does_not_cover_its_subresources()
    {
        var (account, token) = await cluster.NewAccountAsync();
        await BindAsync(account, Rule("""{"apiGroups": ["apps"], "resources": ["deployments", "*/scale"], "verbs": ["*"]}"""));
        Assert.Equal(404, (await AllowedAsync(token, HttpMethod.Get, $"{cluster.Deployments}/none")).Code);
        Assert.Equal(404, (await cluster.SendAsAsync(token, HttpMethod.Get, $"{cluster.Deployments}/none/scale")).Code);
        Assert.Equal(403, (await cluster.SendAsAsync(token, HttpMethod.Get, $"{cluster.Deployments}/none/status")).Code);
    }

    [Fact]
    public async Task A_rule_with_names_covers_requests_for_these_names_alone()
    {
        var (account, token) = await cluster.NewAccountAsync();
        await BindAsync(account, Rule("""{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["mine"], "verbs": ["*"]}"""));
        Assert.Equal(404, (await AllowedAsync(token, HttpMethod.Get, $"{cluster.ConfigMaps}/mine")).Code);
        Assert.Equal(200,
            (await cluster.SendAsAsync(token, HttpMethod.Get, $"{cluster.ConfigMaps}?fieldSelector=metadata.name%3Dmine")).Code);
        Assert.Equal(403, (await cluster.SendAsAsync(token, HttpMethod.Get, $"{cluster.ConfigMaps}/other")).Code);
        Assert.Equal(403, (await cluster.SendAsAsync(token, HttpMethod.Get, cluster.ConfigMaps)).Code);
        Assert.Equal(403, (await cluster.SendAsAsync(token, HttpMethod.Post, cluster.ConfigMaps, Objects.ConfigMap("mine"))).Code);
    }

    [Fact]
    public async Task A_ClusterRole_can_be_bound_in_one_namespace_and_collects_the_rules_of_others()
    {
        var (account, token) = await cluster.NewAccountAsync();
        var name = $"{cluster.Namespace}-{cluster.NewName()}";
        await cluster.CreateAsync($"/apis/{Version}/clusterroles", JsonNode.Parse($$$"""
            {"metadata": {"name": "{{{name}}}", "labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}},
             "rules": [{"apiGroups": ["{{{ConformanceCluster.Group}}}"], "resources": ["widgets"], "verbs": ["list"]}]}
            """)!);
        try
        {
            await cluster.CreateAsync(Bindings, Binding(account, "ClusterRole", "view"));
            Assert.Equal(200, (await AllowedAsync(token, HttpMethod.Get, cluster.Widgets)).Code);
            Assert.Equal(200, (await cluster.SendAsAsync(token, HttpMethod.Get, cluster.Pods)).Code);
            Assert.Equal(403, (await cluster.SendAsAsync(token, HttpMethod.Get, "/api/v1/pods")).Code);
            Assert.Equal(403, (await cluster.SendAsAsync(token, HttpMethod.Get, $"/api/v1/namespaces/{cluster.Namespace}/secrets")).Code);
        }
        finally
        {
            await cluster.DeleteAsync($"/apis/{Version}/clusterroles/{name}");
        }
    }

    [Fact]
    public async Task A_binding_to_a_role_that_does_not_exist_is_named_in_the_403()
    {
        var (account, token) = await cluster.NewAccountAsync();
        await cluster.CreateAsync(Bindings, Binding(account, "Role", "absent"));
        var message = $"pods is forbidden: User \"system:serviceaccount:{cluster.Namespace}:{account}\" cannot list resource \"pods\" "
            + "in API "
            + $"group \"\" in the namespace \"{cluster.Namespace}\": RBAC: role.{Rbac} \"absent\" not found";
        var answer = default(Answer);
        await Eventually.True(async () => (answer = await cluster.SendAsAsync(token, HttpMethod.Get, cluster.Pods)).Message == message,
            () => Task.FromResult(answer!.Message));
    }

    [Fact]
    public async Task The_role_of_a_binding_cannot_change()
    {
        var (account, _) = await cluster.NewAccountAsync();
        var binding = await cluster.CreateAsync(Bindings, Binding(account, "Role", "absent"));
        Assert.Equal(Rbac, binding.Text("roleRef", "apiGroup"));
        var answer = await cluster.PatchAsync($"{Bindings}/{binding.Text("metadata", "name")}", """{"roleRef": {"name": "other"}}""");
        Assert.Equal((422, "roleRef"), (answer.Code, answer.Fields.Single()));
        Assert.Contains($$"""Invalid value: {"APIGroup":"{{Rbac}}","Kind":"Role","Name":"other"}: cannot change roleRef""", answer.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_rule_without_verbs_is_422()
    {
        var answer = await cluster.PostAsync(Roles, JsonNode.Parse("""
            {"metadata": {"name": "none"}, "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": []}]}
            """)!);
        Assert.Equal((422, "rules[0].verbs"), (answer.Code, answer.Fields.Single()));
    }

    [Fact]
    public async Task An_access_review_answers_whether_a_user_is_allowed_and_why()
    {
        var (account, token) = await cluster.NewAccountAsync();
        await BindAsync(account, Rule("""{"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]}"""));
        await Eventually.True(async () => (await ReviewAsync("get")).Flag("allowed"));
        var binding = $"\"b-{account}/{cluster.Namespace}\"";
        Assert.Equal($"RBAC: allowed by RoleBinding {binding} of Role \"r-{account}\" to ServiceAccount \"{account}/{cluster.Namespace}\"",
            (await ReviewAsync("get")).Text("reason"));
        Assert.Equal("""{"allowed":false}""", (await ReviewAsync("list"))!.ToJsonString());

        async Task<JsonNode?> ReviewAsync(string verb)
        {
            var answer = await cluster.SendAsAsync(token, HttpMethod.Post, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                JsonNode.Parse($$$$"""
                    {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes":
                     {"namespace": "{{{{cluster.Namespace}}}}", "verb": "{{{{verb}}}}", "resource": "pods", "subresource": "log"}}}
                    """));
            Assert.Equal(201, answer.Code);
            return answer.Body["status"];
        }
    }

    [Fact]
    public async Task A_user_can_be_impersonated_by_those_who_may()
    {
        var (_, token) = await cluster.NewAccountAsync();
        var answer = await cluster.SendAsAsync(token, HttpMethod.Get, cluster.Pods, impersonated: "jo");
        Assert.Contains("cannot impersonate resource \"users\" in API group \"\" at the cluster scope", answer.Message,
            StringComparison.Ordinal);
        Assert.Equal(
            $"pods is forbidden: User \"jo\" cannot list resource \"pods\" in API group \"\" in the namespace \"{cluster.Namespace}\"",
            (await cluster.SendAsync(HttpMethod.Get, cluster.Pods, impersonated: "jo")).Message);
    }

    private static JsonNode Rule(string json) => JsonNode.Parse(json)!;

    private async Task BindAsync(string account, JsonNode rule)
    {
        await cluster.CreateAsync(Roles, new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = $"r-{account}" },
            ["rules"] = new JsonArray(rule),
        });
        await cluster.CreateAsync(Bindings, Binding(account, "Role", $"r-{account}"));
    }

    private JsonNode Binding(string account, string kind, string role) => JsonNode.Parse($$$$"""
        {"metadata": {"name": "b-{{{{account}}}}"}, "roleRef": {"apiGroup": "{{{{Rbac}}}}", "kind": "{{{{kind}}}}", "name": "{{{{role}}}}"},
         "subjects": [{"kind": "ServiceAccount", "name": "{{{{account}}}}", "namespace": "{{{{cluster.Namespace}}}}"}]}
        """)!;

    /// <summary>The answer once the new rule applies, for which a real server needs a moment, as it does for the storage of a new
    /// definition.</summary>
    private async Task<Answer> AllowedAsync(string token, HttpMethod method, string path)
    {
        var answer = default(Answer);
        await Eventually.True(async () => (answer = await cluster.SendAsAsync(token, method, path)).Code is not (403 or 429),
            () => Task.FromResult(answer!.Text));
        return answer!;
    }

    private static void AssertJson(string expected, Answer answer) =>
        Assert.Equal(JsonNode.Parse(expected)!.ToJsonString(), answer.Body.ToJsonString());
}
