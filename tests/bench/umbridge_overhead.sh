#!/usr/bin/env bash
# What a run through UM-Bridge costs on one host: milliseconds per evaluation of a model that does nothing
# behind `invar serve` (16 parameters, 32 QoIs, 10 batches of 200), asked by a campaign on one rank. The
# server stands on one rank, and on two, where rank 0 hands every request to the other one.
#
#   tests/bench/umbridge_overhead.sh [BUILD_FOLDER]     default: build/release
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${1:-$root/build/release}
source "$root/jobs/mpi-environment.sh"
folder=$(mktemp -d)
server=
trap '[[ -z $server ]] || kill -USR1 "$server"; wait; rm -rf "$folder"' EXIT
study() {
  cat <<STUDY
invar: 1
title: overhead
parameters:
  names: {prefix: x, count: 16}
  prior: {family: diagonal, mean: 0, std: 1}
observations: {values: [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1], covariance: 1}
model: $1
inference:
  method: run_vi
  sample_size: 200
  optimizer_config: {max_iterations: 10}
STUDY
}
study '{type: "null"}' >"$folder/null.yaml"
for ranks in 1 2; do
  mpirun --oversubscribe -n "$ranks" "$build/bin/invar_null" serve "$folder/null.yaml" --port 0 \
    >"$folder/url" 2>"$folder/log" &
  server=$!
  until [[ -s $folder/url ]]; do sleep 0.1; done
  study "{type: umbridge, url: '$(awk '{print $NF}' "$folder/url")'}" >"$folder/client.yaml"
  for run in 1 2 3; do
    "$build/bin/invar" run "$folder/client.yaml" --campaign "$folder/$ranks-$run" >/dev/null 2>&1
    "$build/bin/invar" show "$folder/$ranks-$run" --json | python3 -c '
import json, sys
shown = json.load(sys.stdin)
print("server on %s rank(s): %.3f ms each (%d in %.2f s)" % (
    sys.argv[1], 1e3 * shown["seconds"] / shown["evaluations"], shown["evaluations"], shown["seconds"]))' "$ranks"
  done
  kill -USR1 "$server"
  wait "$server"
  server=
  rm "$folder/url"
done
