using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using ModuleController.ControlPlane.Admission;
using ModuleController.Core.Modules;
using ModuleController.Kube.Caches;
using ModuleController.SystemTests.Harness;
using ModuleController.SystemTests.Identity;

namespace ModuleController.SystemTests.Admission;

/// <summary>The webhook of our kinds, as an API server calls it.</summary>
public sealed class ValidationTests
{
    private const string Digest = "must be 32 hexadecimal digits, or empty";
    private const string Url = "must be an http, https or file URL of at most 8192 bytes without spaces, such as "
        + "https://repo.example.com/orders-1.0.0.jar";

    /// <summary>Its caches are not synced.</summary>
    private static readonly ObjectValidation Handler = new(new(null!, () => false, null, null!, TimeProvider.System));

    [Fact]
    public async Task All_violations_of_a_new_object_are_named_as_the_API_server_names_those_of_a_schema()
    {
        await using var bench = await WebhookBench.StartAsync(Handler);

        var response = await bench.DecidedAsync("objects", Review(Broken("1.0.0")));

        var status = response["status"]!;
        Assert.False((bool)response["allowed"]!);
        Assert.Equal((422, "Invalid"), ((int)status["code"]!, (string)status["reason"]!));
        Assert.Equal(
            "ModuleDeployment.koupleless.io \"orders\" is invalid: ["
            + $"spec.template.spec.module.url: Invalid value: {Url}, "
            + $"spec.template.spec.module.md5: Invalid value: \"abc\": {Digest}, "
            + "spec.operationStrategy.upgradePolicy: Unsupported value: \"sideways\": supported values: "
            + "\"install_then_uninstall\", \"uninstall_then_install\", \"scaleup_then_scaledown\", "
            + "\"installThenUninstall\", \"uninstallThenInstall\", \"scaleUpThenScaleDown\", \"scaleupThenScaledown\", "
            + "spec.operationStrategy.serviceStrategy.port: Required value: must be set where the Service is enabled, from 1 to 65535]",
            (string)status["message"]!);
        var details = status["details"]!;
        Assert.Equal(("orders", "koupleless.io", "ModuleDeployment"),
            ((string)details["name"]!, (string)details["group"]!, (string)details["kind"]!));
        Assert.Equal(
            [
                "spec.template.spec.module.url FieldValueInvalid", "spec.template.spec.module.md5 FieldValueInvalid",
                "spec.operationStrategy.upgradePolicy FieldValueNotSupported",
                "spec.operationStrategy.serviceStrategy.port FieldValueRequired",
            ],
            details["causes"]!.AsArray().Select(cause => $"{cause!["field"]} {cause["reason"]}"));
        Assert.DoesNotContain("secret", status.ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_does_not_change_is_not_checked()
    {
        await using var bench = await WebhookBench.StartAsync(Handler);
        var paused = Broken("1.0.0");
        paused["spec"]!["paused"] = true;
        var other = Broken("1.0.0");
        other["spec"]!["template"]!["spec"]!["module"]!["md5"] = "abcd";

        Assert.True((bool)(await bench.DecidedAsync("objects", Review(paused, Broken("1.0.0"))))["allowed"]!);
        var refused = await bench.DecidedAsync("objects", Review(other, Broken("1.0.0")));
        Assert.Equal(
            $"ModuleDeployment.koupleless.io \"orders\" is invalid: spec.template.spec.module.md5: Invalid value: \"abcd\": {Digest}",
            (string)refused["status"]!["message"]!);
    }

    [Theory]
    [InlineData("ModuleReplicaSet", "{'spec':{'replicas':1,'template':{'spec':{'module':{'name':'a','version':'1','url':'http://['}}}}}",
        "spec.template.spec.module.url")]
    [InlineData("Module", "{'spec':{'module':{'name':'a','version':'1','url':'http://['}}}", "spec.module.url")]
    [InlineData("ModuleTemplate", "{'template':{'spec':{'module':{'name':'a','version':'1','url':'http://['}}}}",
        "template.spec.module.url")]
    public async Task The_other_kinds_are_checked_for_what_agents_refuse(string kind, string json, string field)
    {
        await using var bench = await WebhookBench.StartAsync(Handler);
        var item = (JsonObject)JsonNode.Parse(json.Replace('\'', '"'))!;
        item["metadata"] = new JsonObject { ["name"] = "a" };

        var created = await bench.DecidedAsync("objects", Review(item, kind: kind));
        var updated = await bench.DecidedAsync("objects", Review(item, (JsonObject)item.DeepClone(), kind));

        Assert.Equal($"{kind}.koupleless.io \"a\" is invalid: {field}: Invalid value: {Url}", (string)created["status"]!["message"]!);
        Assert.True((bool)updated["allowed"]!);
    }

    [Fact]
    public async Task What_the_controller_could_not_read_is_denied_unless_it_was_stored_like_that()
    {
        await using var bench = await WebhookBench.StartAsync(Handler);
        var (unreadable, readable) = (Broken("1.0.0"), Broken("1.0.0"));
        unreadable["spec"]!["operationStrategy"]!["maxUnavailable"] = "some";

        var refused = await bench.DecidedAsync("objects", Review(unreadable));
        Assert.Equal(
            "ModuleDeployment.koupleless.io \"orders\" is invalid: spec.operationStrategy.maxUnavailable: Invalid value: "
            + "has a type that the controller can't read",
            (string)refused["status"]!["message"]!);
        Assert.True((bool)(await bench.DecidedAsync("objects", Review(unreadable, (JsonObject)unreadable.DeepClone())))["allowed"]!);
        Assert.True((bool)(await bench.DecidedAsync("objects", Review(readable, unreadable)))["allowed"]!);
    }

    [Fact]
    public async Task While_the_caches_are_not_synced_there_are_the_warnings_that_need_none()
    {
        await using var bench = await WebhookBench.StartAsync(() => false, TimeProvider.System, Handler);
        var item = JsonSerializer.SerializeToNode(
            A.Module("orders", "1.0.0", "http://jars/orders.jar"), ModulesJson.Default.ModuleDeployment)!.AsObject();

        var created = await bench.DecidedAsync("objects", Review(item));
        Assert.True((bool)created["allowed"]!);
        Assert.Equal(
            ["spec.template.spec.module.sha256: is not set, so another jar at this url is installed unnoticed"],
            created["warnings"]!.AsArray().Select(warning => (string)warning!));

        var paused = (JsonObject)item.DeepClone();
        paused["spec"]!["paused"] = true;
        Assert.Null((await bench.DecidedAsync("objects", Review(paused, item)))["warnings"]);
    }

    [Fact]
    public async Task What_is_not_known_of_other_objects_denies_no_write_and_warns_of_nothing()
    {
        await using var informers = new InformerFactory(new RefusingClient(), TimeProvider.System, NullLoggerFactory.Instance);
        var unreachable = new NeighborLookup(new(informers), () => true, null, new RefusingClient(), TimeProvider.System);
        var elsewhere = new NeighborLookup(null!, () => true, "other", null!, TimeProvider.System);
        var item = JsonSerializer.SerializeToNode(
            A.Module("orders", "1.0.0", "file:///orders.jar"), ModulesJson.Default.ModuleDeployment)!.AsObject();
        item["metadata"]!["namespace"] = "default";

        foreach (var neighbors in (NeighborLookup[])[unreachable, elsewhere])
        {
            await using var bench = await WebhookBench.StartAsync(new ObjectValidation(neighbors));
            var response = await bench.DecidedAsync("objects", Review(item));
            Assert.True((bool)response["allowed"]!);
            Assert.Null(response["warnings"]);
        }
    }

    [Fact]
    public async Task A_review_of_something_else_is_malformed()
    {
        await using var bench = await WebhookBench.StartAsync(Handler);

        Assert.Equal((HttpStatusCode.BadRequest, "there is no Mdule in koupleless.io/v1alpha1\n"),
            await bench.PostAsync("objects", Review(Broken("1"), kind: "Mdule").ToJsonString()));
        Assert.Equal((HttpStatusCode.BadRequest, "Create of Pod is not the write of a ModuleDeployment or its parts\n"),
            await bench.PostAsync("objects", WebhookBench.Review(Broken("1")).ToJsonString()));
    }

    private static JsonObject Review(JsonObject item, JsonObject? old = null, string kind = "ModuleDeployment")
    {
        var review = WebhookBench.Review(item, old is null ? "CREATE" : "UPDATE");
        var request = review["request"]!;
        request["kind"] = new JsonObject { ["group"] = "koupleless.io", ["version"] = "v1alpha1", ["kind"] = kind };
        request["name"] = (string)item["metadata"]!["name"]!;
        request["oldObject"] = old?.DeepClone();
        return review;
    }

    private static JsonObject Broken(string version)
    {
        var deployment = A.Module("orders", version, "ftp://user:secret@host/orders.jar?signature=secret");
        var item = JsonSerializer.SerializeToNode(deployment, ModulesJson.Default.ModuleDeployment)!.AsObject();
        var spec = item["spec"]!;
        spec["template"]!["spec"]!["module"]!["md5"] = "abc";
        spec["operationStrategy"] = new JsonObject
        {
            ["upgradePolicy"] = "sideways",
            ["serviceStrategy"] = new JsonObject { ["enableModuleService"] = true },
        };
        return item;
    }
}
