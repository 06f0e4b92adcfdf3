#!/usr/bin/env bash
# What the jobs of github.yml and gitlab.yml do in the project's folder, with stack PULUMI_STACK.
#
#   rollout.sh preview       leaves the plan in reports/: plan.json, plan.html, and summary.md with
#                            what Pulumi printed, which up and repeat leave, too
#   rollout.sh up PLAN       rolls out what that plan.json says, and no more
#   rollout.sh repeat        runs the last `up` again, from its own commit: installs on nodes that
#                            have joined, retries failed ones, leaves out what nobody has approved
set -euo pipefail

preview() {
  run preview
}

up() {
  cp "$1" approved.json # A preview, the one of `up` included, writes reports/plan.json anew.
  configure approvedPlan approved.json
  run up --yes
}

repeat() {
  local history commit
  history=$(pulumi stack history --json)
  commit=$(python3 -c "$commit_of_last_up" <<<"$history")
  if [ -z "$commit" ]; then
    echo "Nothing to repeat: the stack $PULUMI_STACK is not up, or not from a commit."
  elif git checkout --quiet --detach "$commit"; then
    run up --yes
  else
    echo "The stack $PULUMI_STACK is up from commit $commit: push it, or approve a new plan." >&2
    return 1
  fi
}

# The history has the newest run first, and no previews and no runs that a preview has stopped.
commit_of_last_up='
import json, sys
runs = (run for run in json.load(sys.stdin) if run["kind"] in ("update", "destroy"))
last = next(runs, {"kind": "none"})
print(last["environment"].get("git.head", "") if last["kind"] == "update" else "")
'

configure() {
  # `pulumi up --config-path --config` would replace all of `rollout`.
  pulumi config set --path "kata-deploy:rollout.$1" "$2"
}

run() {
  local status=0
  python3 -m venv .venv
  .venv/bin/pip install --quiet --require-hashes -r requirements/product.txt
  configure reportDir reports
  mkdir -p reports
  pulumi "$@" --non-interactive --color never --suppress-progress 2>&1 |
    tee reports/output.txt || status=$?
  {
    printf '### %s: pulumi %s\n\n```text\n' "$PULUMI_STACK" "$1"
    # A comment on GitHub has at most 65,536 characters. The plan and the errors come last.
    tail -c 60000 reports/output.txt
    printf '```\n'
  } >reports/summary.md
  return "$status"
}

case "${1-} $#" in
"preview 1") preview ;;
"up 2") up "$2" ;;
"repeat 1") repeat ;;
*)
  echo "usage: rollout.sh preview | up PLAN | repeat" >&2
  exit 2
  ;;
esac
