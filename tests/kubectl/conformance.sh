#!/usr/bin/env bash
# Everyday kubectl against a cluster, with what it must print.  usage: conformance.sh KUBECONFIG
# Everything happens in a namespace and a CustomResourceDefinition of its own, which are removed at the end.
set -uo pipefail

export KUBECONFIG=${1:?usage: conformance.sh KUBECONFIG}
work=$(mktemp -d)
export KUBECACHEDIR=$work/cache
space=kubectl-$$-$RANDOM
group=kubectl-$$.modulecontroller.dev
passed=0
failed=0

k() { kubectl --namespace "$space" --request-timeout=30s "$@"; }

cleanup() {
  kubectl delete crd "gizmos.$group" --ignore-not-found --wait=false >"$work/cleanup" 2>&1
  kubectl delete namespace "$space" --ignore-not-found --wait=false >>"$work/cleanup" 2>&1
  rm -rf "$work"
}
trap cleanup EXIT

report() { # outcome, title, output
  if [ "$1" = 0 ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAILED: %s\n%s\n\n' "$2" "$3"
  fi
}

# expect TITLE REGEX COMMAND...: the command succeeds, and its output has the expression (lines are joined by spaces)
expect() {
  local title=$1 pattern=$2 output outcome=0
  shift 2
  output=$("$@" 2>&1) || outcome=1
  tr '\n' ' ' <<<"$output" | grep -Eq -- "$pattern" || outcome=1
  report "$outcome" "$title (wanted: $pattern)" "$output"
}

# refuse TITLE REGEX COMMAND...: the command fails, and says so
refuse() {
  local title=$1 pattern=$2 output outcome=0
  shift 2
  if output=$("$@" 2>&1); then outcome=1; fi
  tr '\n' ' ' <<<"$output" | grep -Eq -- "$pattern" || outcome=1
  report "$outcome" "$title (wanted a failure: $pattern)" "$output"
}

# until_it TITLE REGEX COMMAND...: as expect, tried again for a while
until_it() {
  local title=$1 pattern=$2 output='' attempt
  shift 2
  for attempt in $(seq 60); do
    if output=$("$@" 2>&1) && grep -Eq -- "$pattern" <<<"$output"; then
      report 0 "$title" ''
      return
    fi
    sleep 1
  done
  report 1 "$title (wanted, $attempt times: $pattern)" "$output"
}

cat >"$work/namespace.yaml" <<END
apiVersion: v1
kind: Namespace
metadata: {name: $space}
END
cat >"$work/crd.yaml" <<END
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gizmos.$group}
spec:
  group: $group
  scope: Namespaced
  names: {plural: gizmos, kind: Gizmo, shortNames: [gz], categories: [gadgetry]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}
    additionalPrinterColumns:
    - {name: Size, type: integer, jsonPath: .spec.size}
    - {name: Ready, type: string, jsonPath: '.status.conditions[?(@.type=="Ready")].status'}
    - {name: Note, type: string, jsonPath: .spec.note, priority: 1}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [size]
            properties:
              size: {type: integer, minimum: 1, description: How large the gizmo is.}
              note: {type: string, default: none}
              replicas: {type: integer, default: 1}
          status:
            type: object
            properties:
              replicas: {type: integer}
              conditions:
                type: array
                items:
                  type: object
                  properties:
                    type: {type: string}
                    status: {type: string}
END
cat >"$work/gizmo.yaml" <<END
apiVersion: $group/v1
kind: Gizmo
metadata: {name: alpha, labels: {team: red}}
spec: {size: 3}
END
cat >"$work/deployment.yaml" <<END
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: main, image: 'registry.example/web:1', ports: [{containerPort: 80}]}
      - {name: side, image: 'registry.example/side:1'}
END
cat >"$work/pod.yaml" <<END
apiVersion: v1
kind: Pod
metadata: {name: talker, labels: {app: talker}}
spec:
  restartPolicy: Never
  containers:
  - {name: main, image: '${LOGS_IMAGE:-busybox}', command: [sh, -c, echo hello]}
END
cat >"$work/event.yaml" <<END
apiVersion: v1
kind: Event
metadata: {name: alpha.1}
involvedObject: {apiVersion: $group/v1, kind: Gizmo, name: alpha, namespace: $space, uid: UID}
reason: Polished
message: it shines
type: Normal
count: 1
source: {component: conformance}
firstTimestamp: "2026-01-01T00:00:00Z"
lastTimestamp: "2026-01-01T00:00:00Z"
END

# --- apply, api-resources, explain
expect 'apply a namespace' "namespace/$space created" kubectl apply -f "$work/namespace.yaml"
until_it 'a namespace gets its service account' default k get serviceaccounts -o name
expect 'apply a definition' "gizmos.$group created" kubectl apply -f "$work/crd.yaml"
expect 'wait for a condition of a definition' 'condition met' kubectl wait --for=condition=Established "crd/gizmos.$group" --timeout=30s
expect 'api-resources of a group' "gizmos +gz +$group/v1 +true +Gizmo" kubectl api-resources --api-group="$group"
expect 'api-resources' 'deployments +deploy +apps/v1 +true +Deployment' kubectl api-resources
expect 'explain a field of a definition' 'How large the gizmo is' kubectl explain gizmo.spec.size
expect 'explain says what is required' 'size.*-required-' kubectl explain gizmo.spec
expect 'explain a builtin' 'containerPort' kubectl explain deployment.spec.template.spec.containers.ports
expect 'apply a custom resource' 'gizmo.*/alpha created' k apply -f "$work/gizmo.yaml"
expect 'apply the same again' 'unchanged' k apply -f "$work/gizmo.yaml"
expect 'apply a deployment' 'deployment.apps/web created' k apply -f "$work/deployment.yaml"
expect 'apply a pod' 'pod/talker created' k apply -f "$work/pod.yaml"

# --- diff, apply after an edit
sed -i 's/size: 3/size: 4/' "$work/gizmo.yaml"
sed -i 's/web:1/web:2/; /name: side/d' "$work/deployment.yaml"
refuse 'diff shows the edit of a custom resource' '-  size: 3.*\+  size: 4' k diff -f "$work/gizmo.yaml"
refuse 'diff shows the edit of a builtin' '\+ +- image: registry.example/web:2' k diff -f "$work/deployment.yaml"
expect 'diff changed nothing' '^3 *$' k get gizmo alpha -o 'jsonpath={.spec.size}'
expect 'apply an edit to a custom resource' 'configured' k apply -f "$work/gizmo.yaml"
expect 'apply an edit to a builtin' 'configured' k apply -f "$work/deployment.yaml"
expect 'diff is empty afterwards' '^ *$' k diff -f "$work/deployment.yaml" -f "$work/gizmo.yaml"
expect 'apply removed a container and changed another' '^main=registry.example/web:2; *$' \
  k get deployment web -o 'jsonpath={range .spec.template.spec.containers[*]}{.name}={.image};{end}'
refuse 'apply refuses a field that is not there' 'unknown field "spec.colour"' k apply -f - <<END
{"apiVersion": "$group/v1", "kind": "Gizmo", "metadata": {"name": "beta"}, "spec": {"size": 1, "colour": "red"}}
END
refuse 'apply refuses what the schema forbids' 'spec.size.*greater than or equal to 1' k apply -f - <<END
{"apiVersion": "$group/v1", "kind": "Gizmo", "metadata": {"name": "beta"}, "spec": {"size": 0}}
END
refuse 'create refuses what exists' 'AlreadyExists' k create -f "$work/gizmo.yaml"

# --- get
expect 'get a custom resource' 'NAME +SIZE +READY alpha +4' k get gizmos
expect 'get wide' 'NAME +SIZE +READY +NOTE alpha +4 +none' k get gz -o wide
expect 'get yaml' "apiVersion: $group/v1.*kind: Gizmo.*name: alpha.*size: 4" k get gizmo alpha -o yaml
expect 'get json' '"kind": "Gizmo"' k get gizmo alpha -o json
expect 'get custom-columns' 'N +S alpha +4' k get gizmos -o custom-columns=N:.metadata.name,S:.spec.size
expect 'get by label' 'gizmo.*/alpha' k get gizmos -l team=red -o name
expect 'get by another label' '^ *$' k get gizmos -l team=blue -o name
expect 'get a category' 'alpha' k get gadgetry
expect 'get a deployment wide' 'web +0/0 .*main +registry.example/web:2 +app=web' k get deployments -o wide
expect 'get all' 'deployment.apps/web' k get all
refuse 'get what is not there' 'NotFound.*"none" not found' k get gizmo none
k get gizmos -w --request-timeout=0 >"$work/watched" 2>&1 &
watcher=$!

# --- label, annotate, patch, scale, edit of status
expect 'label' 'labeled' k label gizmo alpha size=large
expect 'label needs --overwrite' 'labeled' k label --overwrite gizmo alpha size=small
refuse 'label refuses what is no label' 'invalid label value' k label gizmo alpha 'bad=a b'
expect 'annotate' 'annotated' k annotate gizmo alpha example.com/why=because
expect 'show labels' 'size=small,team=red' k get gizmo alpha --show-labels
expect 'patch by merge' 'patched' k patch gizmo alpha --type merge -p '{"spec":{"size":5}}'
expect 'patch by JSON patch' 'patched' k patch gizmo alpha --type json -p '[{"op":"replace","path":"/spec/size","value":6}]'
expect 'patch by strategic merge' 'patched' k patch deployment web -p '{"spec":{"template":{"spec":{"containers":[{"name":"extra","image":"x:1"}]}}}}'
expect 'strategic merge kept the other container' 'extra' k get deployment web -o 'jsonpath={.spec.template.spec.containers[*].name}'
expect 'scale a custom resource' 'scaled' k scale gizmo alpha --replicas=4
expect 'scale is stored' '^4 *$' k get gizmo alpha -o 'jsonpath={.spec.replicas}'
expect 'scale a deployment' 'scaled' k scale deployment web --replicas=0
expect 'set image' 'image updated' k set image deployment/web main=registry.example/web:3
expect 'patch a status' 'patched' k patch gizmo alpha --subresource=status --type=merge -p '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}'
until_it 'the watch shows it' 'alpha +6 +True' cat "$work/watched"
kill "$watcher" && wait "$watcher" 2>"$work/killed"

# --- wait, describe, events, logs
expect 'wait for a condition' 'condition met' k wait --for=condition=Ready gizmo/alpha --timeout=10s
expect 'wait for a field' 'condition met' k wait --for=jsonpath='{.spec.size}'=6 gizmo/alpha --timeout=10s
sed -i "s/uid: UID/uid: $(k get gizmo alpha -o 'jsonpath={.metadata.uid}')/" "$work/event.yaml"
expect 'create an event' 'created' k create -f "$work/event.yaml"
expect 'describe shows fields and events' 'Size: +6.*Events:.*Normal +Polished .*it shines' k describe gizmo alpha
expect 'events' 'Polished +Gizmo/alpha +it shines' k events --for gizmo/alpha
expect 'get events' 'Normal +Polished +gizmo/alpha +it shines' k get events
expect 'describe a pod' 'Name: +talker.*Containers:' k describe pod talker
until_it 'logs' '^hello$' k logs talker

# --- access and quota
printf 'apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: readers}\nroleRef: {kind: ClusterRole, name: view}\nsubjects: [{kind: User, name: jo}]\n' >"$work/readers.yaml"
printf 'apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: few}\nspec: {hard: {count/deployments.apps: 1}}\n' >"$work/few.yaml"
expect 'bind a role' 'created' k apply -f "$work/readers.yaml"
until_it 'its subject may read' '^talker ' k get pods --as jo
refuse 'a user without the right' 'User "jo" cannot delete resource "pods"' k delete pod talker --as jo
expect 'limit deployments' 'created' k apply -f "$work/few.yaml"
until_it 'the quota is counted' 'count/deployments.apps +1 +1' k describe quota few
sed 's/name: web/name: second/' "$work/deployment.yaml" >"$work/second.yaml"
refuse 'one more is refused' 'exceeded quota: few' k create -f "$work/second.yaml"
expect 'remove the quota' 'deleted' k delete quota few

# --- replace, dry run, delete
expect 'replace' 'replaced' bash -c "kubectl -n $space get gizmo alpha -o json | sed 's/\"size\": 6/\"size\": 7/' | kubectl -n $space replace -f -"
expect 'a server dry run' 'server dry run' k delete gizmo alpha --dry-run=server
expect 'changes nothing' '^7 *$' k get gizmo alpha -o 'jsonpath={.spec.size}'
expect 'hold by a finalizer' 'patched' k patch gizmo alpha --type merge -p '{"metadata":{"finalizers":["example.com/hold"]}}'
expect 'delete without waiting' 'deleted' k delete gizmo alpha --wait=false
expect 'it is still there' 'alpha' k get gizmo alpha
k wait --for=delete gizmo/alpha --timeout=20s >"$work/gone" 2>&1 &
waiter=$!
expect 'release the finalizer' 'patched' k patch gizmo alpha --type merge -p '{"metadata":{"finalizers":null}}'
wait "$waiter"
report $? 'wait for a deletion' "$(cat "$work/gone")"
expect 'delete a deployment' 'deleted' k delete deployment web
expect 'delete a pod' 'deleted' k delete pod talker --grace-period=0 --force
refuse 'they are gone' 'NotFound' k get pod talker

echo "kubectl conformance: $passed passed, $failed failed"
[ "$failed" = 0 ]
