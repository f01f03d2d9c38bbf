#!/usr/bin/env bash
# Microseconds per evaluation of the whole program, journal and all: a model that does nothing,
# 16 parameters, 32 QoIs, batches of 1,000, 200 of them, on 2 ranks.
#
#   tests/bench/program_overhead.sh [BUILD_FOLDER]     default: build/release
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${1:-$root/build/release}
source "$root/jobs/mpi-environment.sh"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/study.yaml" <<'STUDY'
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
  optimizer_config: {max_iterations: 200}
STUDY
for run in 1 2 3; do
  mpirun --oversubscribe -n 2 "$build/bin/invar_null" run "$folder/study.yaml" \
    --campaign "$folder/campaign$run" >/dev/null 2>&1
  "$build/bin/invar_null" show "$folder/campaign$run" --json | python3 -c '
import json, sys
shown = json.load(sys.stdin)
print("%d evaluations in %.2f s: %.1f us each" % (
    shown["evaluations"], shown["seconds"], 1e6 * shown["seconds"] / shown["evaluations"]))'
done
