#!/usr/bin/env bash
# The same study with five seeds: how many runs it takes, and how far apart the answers are.
#
#   jobs/lynx-hare/seeds.sh FOLDER [INVAR]     needs python3-h5py
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$1
invar=${2:-$here/../../build/release/bin/invar}
source "$here/../mpi-environment.sh"
for seed in 1 2 3 4 5; do
  mpirun --oversubscribe -n 4 "$invar" run "$here/study-run-vi.yaml" --campaign "$folder/seed$seed" \
    --set inference.random_seed=$seed >/dev/null 2>&1
done
/usr/bin/python3 "$here/convergence.py" "$folder"/seed*/campaign.h5
