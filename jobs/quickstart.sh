#!/usr/bin/env bash
# From nothing to a first posterior: installs what is missing, builds, runs the lynx-hare campaign
# on 4 ranks and prints its posterior beside the reference.
#
#   jobs/quickstart.sh [DIRECTORY]     the campaign's directory; default: build/quickstart/campaign
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

jobs/install-dependencies.sh
source jobs/mpi-environment.sh

if [[ ! -f build/release/CMakeCache.txt ]]; then
  cmake --preset release -DINVAR_BUILD_TESTING=OFF
fi
cmake --build --preset release --target invar

directory=${1:-build/quickstart/campaign}
mkdir -p "$(dirname "$directory")"
if [[ -e $directory ]]; then
  echo "$directory is there already: it is continued (a finished campaign is only shown)." >&2
  mpirun --oversubscribe -n 4 build/release/bin/invar resume "$directory" >/dev/null
else
  mpirun --oversubscribe -n 4 build/release/bin/invar run jobs/lynx-hare/study.yaml \
    --campaign "$directory" >/dev/null
fi
build/release/bin/invar show "$directory"
echo
build/release/bin/invar show "$directory" --json |
  python3 jobs/lynx-hare/compare.py jobs/lynx-hare/reference.json
