#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test.
#
#   tests/run.sh [--preset NAME] [--all] [ctest options]
#
# --preset NAME  a CMake preset: release (default), dev, ci or asan
# --all          the endurance tests in full length; without it in a tenth
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=release
export INVAR_ENDURANCE_SCALE=0.1
ctest_options=()
while (($# > 0)); do
  case $1 in
    --preset) preset=$2; shift 2 ;;
    --all) INVAR_ENDURANCE_SCALE=1; shift ;;
    *) ctest_options+=("$1"); shift ;;
  esac
done

jobs/install-dependencies.sh --developer
source jobs/mpi-environment.sh

cmake --preset "$preset" -DINVAR_BUILD_TESTING=ON
cmake --build --preset "$preset"
if [[ $preset == ci ]]; then
  cmake --build --preset ci --target all_verify_interface_header_sets
fi
# `nproc` alone would count the threads that OpenMP may use: one.
ctest --preset "$preset" -j "$(env -u OMP_NUM_THREADS nproc)" "${ctest_options[@]}"
