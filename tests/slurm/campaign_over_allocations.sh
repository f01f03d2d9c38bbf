#!/usr/bin/env bash
# The job script in a real Slurm: a campaign that is too long for its time limit ends over several
# allocations, put back into the queue by itself, with the answer of one that nobody disturbed. So
# for mpirun and for srun, at the same time. Beside them a job that is cancelled, which has to stay
# so, and one that cannot run.
#
#   tests/slurm/campaign_over_allocations.sh SOURCE_FOLDER BUILD_FOLDER
#
# Slurm looks for jobs that near their limit every 30 s, so a campaign of 35 s with a warning 50 s
# before a limit of 60 s is warned once at least, wherever in the 30 s it begins.
set -euo pipefail
source_folder=$1
build_folder=$2
source "$source_folder/jobs/mpi-environment.sh"
source "$source_folder/tests/slurm/private_cluster.sh"
source "$source_folder/tests/slurm/test_folder.sh"

start_cluster "$folder/cluster"
cd "$folder"
cat > study.yaml <<'STUDY'
invar: 1
title: toy
parameters:
  names: [a, b, c]
  prior: {family: diagonal, mean: 1, std: 0.5}
observations:
  values: [2.5, 2.1, 1.8, 1.5, 1.3, 1.1]
  covariance: {std: 0.05}
inference:
  method: run_vi
  random_seed: 3
  sample_size: 16
  sampling_method: rqmc
  optimizer_config: {gradient_method: natural, max_iterations: 12}
  line_search_config: {initial_step_size: 0.2, max_step_size: 1.0}
model: {type: toy}
STUDY

# job_script NAME LAUNCHER [STUDY]: the script as a user sets it, here by sed.
job_script() {
  local name=$1 launcher=$2 study=${3:-study.yaml}
  sed -e "s|^#SBATCH --nodes=.*|#SBATCH --nodes=1|" \
      -e "s|^#SBATCH --ntasks-per-node=.*|#SBATCH --ntasks-per-node=2|" \
      -e "s|^#SBATCH --time=.*|#SBATCH --time=1|" \
      -e "s|^#SBATCH --signal=.*|#SBATCH --signal=B:USR1@50|" \
      -e "s|^#SBATCH --output=.*|#SBATCH --output=$name.log|" \
      -e "s|^study=.*|study=$study|" \
      -e "s|^campaign=.*|campaign=$name|" \
      -e "s|^program=.*|program=$build_folder/tests/invar_with_toy|" \
      -e "s|^launcher=.*|launcher=($launcher)|" \
      -e "s|^options=.*|options=(--set model.sleep_s=0.17)|" \
      -e "s|^reserve=.*|reserve=5|" \
      "$source_folder/jobs/slurm/invar.sbatch" > "$name.sbatch"
}

# submit NAME: the job's number.
submit() {
  env INVAR_TEST_CLUSTER="$folder/cluster" sbatch --parsable "$1.sbatch"
}

# fact JOB NAME: a field of `scontrol show job`.
fact() {
  scontrol show job "$1" | grep -o " $2=[^ ]*" | cut -d= -f2-
}

is_over() {
  case $(fact "$1" JobState || echo JobState=UNKNOWN) in
    COMPLETED | FAILED | CANCELLED | TIMEOUT | NODE_FAIL) return 0 ;;
    *) return 1 ;;
  esac
}

declare -A job
job_script by_mpirun "mpirun"
job_script by_srun "srun --mpi=pmix"
job_script cancelled "srun --mpi=pmix"
sed 's/sample_size: 16/sample_size: none/' study.yaml > wrong.yaml
job_script wrong "mpirun" wrong.yaml
for name in by_mpirun by_srun cancelled wrong; do
  job[$name]=$(submit "$name")
done

"$build_folder/tests/invar_with_toy" run study.yaml --campaign undisturbed >undisturbed.log 2>&1

# As soon as they run, two jobs are taken away, as by preemption, and one is cancelled.
all_run() { [[ -d by_mpirun/journal && -d by_srun/journal && -d cancelled/journal ]]; }
wait_until 60 all_run || fail "the jobs did not start"
sleep 2
scontrol requeue "${job[by_mpirun]}"
scontrol requeue "${job[by_srun]}"
scancel "${job[cancelled]}"

all_are_over() {
  local name
  for name in "${!job[@]}"; do
    is_over "${job[$name]}" || return 1
  done
}
if ! wait_until 140 all_are_over; then
  squeue -o '%i %j %T %r %S %e' >&2
  fail "the jobs did not end"
fi

for name in by_mpirun by_srun; do
  state=$(fact "${job[$name]}" JobState)
  restarts=$(fact "${job[$name]}" Restarts)
  [[ $state == COMPLETED ]] || fail "$name ended as $state, expected COMPLETED"
  ((restarts >= 2)) || fail "$name was started again $restarts times, expected two or more"
  grep -q "warned by Slurm" "$name.log" || fail "$name was never warned"
  grep -q "exit code 75" "$name.log" || fail "$name never stopped in good order"
  grep -q "back into the queue" "$name.log" || fail "$name never requeued itself"
  grep -q " resume $name .*--time-limit 20" "$name.log" || fail "$name got no time limit"
  "$build_folder/bin/campaign_equal" undisturbed/campaign.h5 "$name/campaign.h5" ||
    fail "$name differs from the campaign that nobody disturbed"
  echo "$name: $restarts restarts"
done

# The answers of the cancelled job are there, and somebody may go on with them.
[[ $(fact "${job[cancelled]}" JobState) == CANCELLED ]] || fail "the cancelled job is not cancelled"
[[ $(fact "${job[cancelled]}" Restarts) == 0 ]] || fail "the cancelled job was started again"
show() { "$build_folder/tests/invar_with_toy" show cancelled; }
show | grep -q "^evaluations   [1-9]" || fail "the cancelled job recorded nothing"
mpirun -n 9 "$build_folder/tests/invar_with_toy" resume cancelled >cancelled_resume.log 2>&1 || true
"$build_folder/bin/campaign_equal" undisturbed/campaign.h5 cancelled/campaign.h5 ||
  fail "the cancelled campaign differs from the one that nobody disturbed"

code=$(fact "${job[wrong]}" ExitCode)
[[ $code == 78:0 ]] || fail "the wrong study ended with $code, expected 78:0"
[[ $(fact "${job[wrong]}" Restarts) == 0 ]] || fail "the wrong study was started again"

[[ -z $has_failed ]]
