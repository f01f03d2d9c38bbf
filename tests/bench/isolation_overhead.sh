#!/usr/bin/env bash
# What `model.isolation: process` costs, as programs on one rank:
# microseconds per evaluation of a model that does nothing (16 parameters, 32 QoIs, 100 batches of
# 1,000), without and with a process of its own, and milliseconds per run that ends its process.
#
#   tests/bench/isolation_overhead.sh [BUILD_FOLDER]     default: build/release
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${1:-$root/build/release}
source "$root/jobs/mpi-environment.sh"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/null.yaml" <<'STUDY'
invar: 1
title: overhead
parameters:
  names: {prefix: x, count: 16}
  prior: {family: diagonal, mean: 0, std: 1}
observations: {values: [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1], covariance: 1}
model: {type: "null"}
inference:
  method: run_vi
  sample_size: 1000
  optimizer_config: {max_iterations: 100}
STUDY
cat > "$folder/crash.yaml" <<'STUDY'
invar: 1
title: restarts
parameters:
  names: [a, b, c]
  prior: {family: diagonal, mean: 1, std: 0.5}
observations: {values: [2.5, 2.1, 1.8, 1.5, 1.3, 1.1], covariance: 1}
model: {type: faulty, fault: exit, rate: 0.9}
inference: {method: run_vi, sample_size: 200}
evaluation: {failure_budget: 1}
STUDY

# figure CAMPAIGN SCALE UNIT COUNT: seconds of the campaign over one of its counts
figure() {
  "$build/bin/invar_null" show "$1" --json | python3 -c '
import json, sys
shown = json.load(sys.stdin)
print("%.1f %s each (%d in %.2f s)" % (float(sys.argv[1]) * shown["seconds"] / shown[sys.argv[3]],
                                       sys.argv[2], shown[sys.argv[3]], shown["seconds"]))' "${@:2}"
}

for run in 1 2 3; do
  for isolation in none process; do
    "$build/bin/invar_null" run "$folder/null.yaml" --campaign "$folder/$isolation$run" \
      --set model.isolation=$isolation >/dev/null 2>&1
    echo "evaluations, isolation $isolation: $(figure "$folder/$isolation$run" 1e6 us evaluations)"
  done
  "$build/tests/invar_with_toy" run "$folder/crash.yaml" --campaign "$folder/crash$run" \
    --stop-after 1 --set model.isolation=process >/dev/null 2>&1 || [ $? -eq 75 ]
  echo "runs that end their process:     $(figure "$folder/crash$run" 1e3 ms failed)"
done
