#!/usr/bin/env bash
# Installs the build tree to a temporary prefix, builds jobs/couple-linked and jobs/couple-petsc
# against it and runs them; then configures the first project with the sources as a sub-directory and compiles its own file
# (all of the libraries again would take minutes).
#
# usage: consumer.sh CMAKE BUILD_DIRECTORY SOURCE_DIRECTORY CXX MPIEXEC
set -euo pipefail
cmake=$1 build=$2 source=$3 cxx=$4 mpiexec=$5
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"$cmake" --install "$build" --prefix "$scratch/prefix" >"$scratch/log"
"$scratch/prefix/bin/invar" --version

project=$source/jobs/couple-linked
common=(-G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER="$cxx")
"$cmake" -S "$project" -B "$scratch/installed" "${common[@]}" \
  -DCMAKE_PREFIX_PATH="$scratch/prefix"
"$cmake" --build "$scratch/installed"
[[ $("$scratch/installed/decay" explain model.interval) == *"between two of the times"* ]]
"$mpiexec" --oversubscribe -n 2 "$scratch/installed/decay" run "$project/study.yaml" \
  --campaign "$scratch/campaign"
"$scratch/prefix/bin/invar" show "$scratch/campaign" --json |
  python3 -c 'import json, sys
mean = json.load(sys.stdin)["posterior"]["mean"]
assert abs(mean[0] - 1.5) < 0.1 and abs(mean[1] - 0.7) < 0.1, mean'

"$cmake" -S "$source/jobs/couple-petsc" -B "$scratch/petsc" "${common[@]}" \
  -DCMAKE_PREFIX_PATH="$scratch/prefix"
"$cmake" --build "$scratch/petsc"
"$scratch/petsc/spread" -n 8 -steps 10 >"$scratch/readings"
[[ $(wc -l <"$scratch/readings") == 45 ]]
"$mpiexec" --oversubscribe -n 3 "$scratch/petsc/spread_model" run \
  "$source/jobs/couple-petsc/study.yaml" --campaign "$scratch/spread" --set model.n=8 \
  --set model.steps=10 --set inference.sample_size=8 --set inference.optimizer_config.max_iterations=2

"$cmake" -S "$project" -B "$scratch/sub" "${common[@]}" -DINVAR_SOURCE="$source"
"$cmake" --build "$scratch/sub" --target CMakeFiles/decay.dir/decay.cpp.o
[[ $("$cmake" -LA -N "$scratch/sub") == *INVAR_BUILD_TESTING:BOOL=OFF* ]]
