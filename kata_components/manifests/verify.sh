set -euo pipefail
# Runs in the verification Job, after these lines of it: mode, daemon_set, installed_in, install_timeout (seconds to
# wait for the installation), namespace, pod and timeout (seconds the pod may take).

label=katacontainers.io/kata-runtime=true

in_namespace() { kubectl --namespace "$namespace" "$@"; }

# Tries a command until it succeeds: installing restarts container runtimes, and with them perhaps the API server.
within() {
  local seconds=$1 what=$2
  shift 2
  local deadline=$((SECONDS + seconds))
  until "$@"; do
    if ((SECONDS >= deadline)); then
      echo "not within $seconds seconds: $what"
      return 1
    fi
    sleep 5
  done
}

rolled_out() { kubectl --namespace "$installed_in" rollout status "daemonset/$daemon_set" --timeout=60s; }
node_is_ready_for_kata() { [[ -n "$(kubectl get nodes --selector "$label" --output name)" ]]; }
pod_is_created() { in_namespace create --filename /config/pod-spec.yaml; }
phase() { in_namespace get pod "$pod" --output 'jsonpath={.status.phase}'; }
pod_has_ended() { [[ "$(phase)" == Succeeded || "$(phase)" == Failed ]]; }
remove_pod() { in_namespace delete pod "$pod" --ignore-not-found "$@"; }

if [[ "$mode" == daemonset ]]; then
  within "$install_timeout" "DaemonSet $daemon_set is rolled out" rolled_out
fi
within "$install_timeout" "a node has the label $label" node_is_ready_for_kata

remove_pod --wait=true
trap 'remove_pod --wait=false' EXIT
within "$timeout" "pod $pod is created" pod_is_created
within "$timeout" "pod $pod has ended" pod_has_ended || true
in_namespace logs "$pod" || true
if [[ "$(phase)" != Succeeded ]]; then
  in_namespace describe pod "$pod" || true
  echo "verification failed: pod $pod is in phase $(phase)"
  exit 1
fi
echo "verification passed: pod $pod succeeded"
