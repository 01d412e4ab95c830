using System.Reflection;
using k8s.Models;

namespace ModuleController.Dev.ApiServer.Resources;

/// <summary>The built-in resources, one entry each.</summary>
public static class Builtins
{
    public static IReadOnlyList<ResourceType> All(BuiltinSchemas schemas)
    {
        ResourceType Type(string root, string plural, Type model, string shortNames = "", bool isNamespaced = true)
        {
            var parts = root.Split('/');
            var kind = model.GetCustomAttribute<KubernetesEntityAttribute>()!.Kind;
            var type = new ResourceType
            {
                Group = parts.Length == 1 ? "" : parts[0],
                Version = parts[^1],
                Plural = plural,
                Kind = kind,
                ListKind = $"{kind}List",
                IsNamespaced = isNamespaced,
                ShortNames = shortNames.Split(' ', StringSplitOptions.RemoveEmptyEntries),
                Schema = schemas.Of(model),
            };
            return type with { Columns = BuiltinColumns.For(type.Resource) };
        }

        static ResourceType Scaled(ResourceType type) => type with
        {
            HasStatus = true,
            HasGeneration = true,
            Scale = new(["spec", "replicas"], ["status", "replicas"], ["spec", "selector"]),
            Categories = ["all"],
        };

        return
        [
            Type("v1", "namespaces", typeof(V1Namespace), "ns", isNamespaced: false) with
            {
                HasStatus = true,
                SelectableFields = ["status.phase"],
                Subresources = [new("finalize", "Namespace", "update")],
            },
            Type("v1", "pods", typeof(V1Pod), "po") with
            {
                HasStatus = true,
                Categories = ["all"],
                SelectableFields = ["status.phase", "spec.nodeName", "spec.restartPolicy", "spec.schedulerName",
                    "spec.serviceAccountName", "status.podIP"],
                Subresources = [new("binding", "Binding", "create"),
                    new("eviction", "Eviction", "create", "policy", "v1"), new("log", "Pod", "get")],
            },
            Type("v1", "services", typeof(V1Service), "svc") with { HasStatus = true, Categories = ["all"] },
            Type("v1", "events", typeof(Corev1Event), "ev") with
            {
                SelectableFields = ["involvedObject.kind", "involvedObject.namespace", "involvedObject.name",
                    "involvedObject.uid", "involvedObject.apiVersion", "involvedObject.resourceVersion",
                    "involvedObject.fieldPath", "reason", "reportingComponent", "type"],
            },
            Type("v1", "nodes", typeof(V1Node), "no", isNamespaced: false) with { HasStatus = true },
            Type("v1", "secrets", typeof(V1Secret)) with { SelectableFields = ["type"] },
            Type("v1", "configmaps", typeof(V1ConfigMap), "cm"),
            Type("v1", "serviceaccounts", typeof(V1ServiceAccount), "sa") with
            {
                Subresources = [new("token", "TokenRequest", "create", "authentication.k8s.io", "v1")],
            },
            Scaled(Type("apps/v1", "deployments", typeof(V1Deployment), "deploy")),
            Scaled(Type("apps/v1", "replicasets", typeof(V1ReplicaSet), "rs")),
            Type("autoscaling/v2", "horizontalpodautoscalers", typeof(V2HorizontalPodAutoscaler), "hpa") with
            {
                HasStatus = true,
                Categories = ["all"],
            },
            Type("coordination.k8s.io/v1", "leases", typeof(V1Lease)) with { AllowsUnconditionalUpdate = false },
            Type("discovery.k8s.io/v1", "endpointslices", typeof(V1EndpointSlice)) with { HasGeneration = true },
            Type("apiextensions.k8s.io/v1", "customresourcedefinitions", typeof(V1CustomResourceDefinition), "crd crds",
                isNamespaced: false) with
            {
                HasStatus = true,
                HasGeneration = true,
                AllowsUnconditionalUpdate = false,
            },
            Type("admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations", typeof(V1MutatingWebhookConfiguration),
                isNamespaced: false) with
            {
                HasGeneration = true,
                AllowsUnconditionalUpdate = false,
                Categories = ["api-extensions"],
            },
            Type("admissionregistration.k8s.io/v1", "validatingwebhookconfigurations", typeof(V1ValidatingWebhookConfiguration),
                isNamespaced: false) with
            {
                HasGeneration = true,
                AllowsUnconditionalUpdate = false,
                Categories = ["api-extensions"],
            },
            Type("v1", "resourcequotas", typeof(V1ResourceQuota), "quota") with { HasStatus = true },
            Type("rbac.authorization.k8s.io/v1", "roles", typeof(V1Role)),
            Type("rbac.authorization.k8s.io/v1", "rolebindings", typeof(V1RoleBinding)),
            Type("rbac.authorization.k8s.io/v1", "clusterroles", typeof(V1ClusterRole), isNamespaced: false),
            Type("rbac.authorization.k8s.io/v1", "clusterrolebindings", typeof(V1ClusterRoleBinding), isNamespaced: false),
            Type("authorization.k8s.io/v1", "subjectaccessreviews", typeof(V1SubjectAccessReview), isNamespaced: false) with
            {
                IsOnlyCreated = true,
            },
            Type("authorization.k8s.io/v1", "selfsubjectaccessreviews", typeof(V1SelfSubjectAccessReview), isNamespaced: false) with
            {
                IsOnlyCreated = true,
            },
            Type("authentication.k8s.io/v1", "tokenreviews", typeof(V1TokenReview), isNamespaced: false) with
            {
                IsOnlyCreated = true,
            },
        ];
    }
}
