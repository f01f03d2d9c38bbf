#!/usr/bin/env bash
# Campaigns in a real Slurm whose model is an MPI program, every run of it a step of the campaign's
# allocation: under mpirun and under srun, with the answers of the same model as a script. What
# hangs, and what is under way when the campaign is killed, leaves no step behind.
#
#   tests/slurm/mpi_programs_in_steps.sh SOURCE_FOLDER INVAR MPI_MODEL CAMPAIGN_EQUAL
set -euo pipefail
source_folder=$1
invar=$2
mpi_model=$3
campaign_equal=$4
source "$source_folder/jobs/mpi-environment.sh"
source "$source_folder/tests/slurm/private_cluster.sh"
source "$source_folder/tests/slurm/test_folder.sh"

start_cluster "$folder/cluster"
cd "$folder"
cp "$source_folder"/jobs/couple-program/* .
cp "$mpi_model" mpi_model
cat > hang.sh <<'SH'
#!/bin/sh
trap '' TERM
while true; do sleep 1; done
SH
chmod +x hang.sh
few=(--set inference.sample_size=4 --set inference.optimizer_config.max_iterations=2
     --set inference.line_search_config.max_step_size_decrease_trys=0)

# submit NAME COMMAND...: a job of three tasks that runs it.
submit() {
  local name=$1
  shift
  { echo "#!/bin/bash"; printf '%q ' "$@"; echo; } > "$name.sbatch"
  env INVAR_TEST_CLUSTER="$folder/cluster" \
    sbatch --parsable --ntasks=3 --time=3 --output="$name.log" "$name.sbatch"
}
fact() { scontrol show job "$1" | grep -o " $2=[^ ]*" | cut -d= -f2-; }
is_over() {
  case $(fact "$1" JobState) in
    COMPLETED | FAILED | CANCELLED | TIMEOUT | NODE_FAIL) return 0 ;;
    *) return 1 ;;
  esac
}
num_steps() { squeue -h -s -j "$1" -o %i | grep -cv "batch\|extern" || true; }
has_step() { (($(num_steps "$1") > 0)); }
has_no_step() { (($(num_steps "$1") == 0)); }

with_mpirun=$(submit with_mpirun mpirun -n 3 "$invar" run study-mpi.yaml --campaign with_mpirun "${few[@]}")
with_srun=$(submit with_srun srun --mpi=pmix "$invar" run study-mpi.yaml --campaign with_srun "${few[@]}")
hangs=("$invar" run study-mpi.yaml "${few[@]}" --set "model.command=[srun, -n, 2, --overlap, ./hang.sh]")
late=$(submit late srun --mpi=pmix "${hangs[@]}" --campaign late --set evaluation.timeout_s=1)
killed=$(submit killed bash -c "unset SLURM_NTASKS SLURM_NPROCS; ${hangs[*]@Q} --campaign killed & echo \$! > killed.pid; sleep 1000")
"$invar" run study.yaml --campaign reference "${few[@]}" > reference.log 2>&1

wait_until 30 has_step "$killed" || fail "the campaign to be killed started no step"
kill -KILL "$(cat killed.pid)"
wait_until 20 has_no_step "$killed" || fail "a step outlived the ranks of its campaign"
scancel "$killed"

for job in "$with_mpirun" "$with_srun" "$late"; do
  wait_until 90 is_over "$job" || fail "job $job did not end"
done
for name in with_mpirun with_srun; do
  [[ $(fact "${!name}" ExitCode) == 0:0 ]] || fail "$name ended with $(fact "${!name}" ExitCode)"
  "$campaign_equal" reference/campaign.h5 "$name/campaign.h5" ||
    fail "$name differs from the campaign of the script"
done
[[ $(fact "$late" ExitCode) == 69:0 ]] || fail "late ended with $(fact "$late" ExitCode)"
grep -q "timeout: no answer within 1 s" late.log || fail "late runs are not said to be late"

[[ -z $has_failed ]]
