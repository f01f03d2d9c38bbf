#!/usr/bin/env bash
# What the job script does about each way that the program may leave, without Slurm: programs of the
# test stand for squeue, scontrol and the launcher.
#
#   tests/slurm/job_script.sh SOURCE_FOLDER
set -euo pipefail
source_folder=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir bin
export PATH=$folder/bin:$PATH SLURM_JOB_ID=7 SLURM_JOB_NODELIST=node[1-2]
has_failed=

stand_in() { cat > "bin/$1"; chmod +x "bin/$1"; }
stand_in squeue <<'SH'
#!/bin/sh
case "$*" in
  *%e) cat "$PWD/end" ;;
  *%T) cat "$PWD/state" ;;
esac
SH
stand_in scontrol <<'SH'
#!/bin/sh
echo "$*" >> "$PWD/scontrol_calls"
test ! -e "$PWD/may_not_requeue"
SH
stand_in sleep <<'SH'
#!/bin/sh
SH
# The program: writes down its arguments, records the evaluations it is told to, leaves as told.
stand_in launch <<'SH'
#!/bin/sh
echo "$*" >> "$PWD/calls"
mkdir -p campaign && : > campaign/study.yaml
printf '{"rounds": 3, "evaluations": %s, "failed": 0}' "$(cat "$PWD/evaluations")" > campaign/status.json
exit "$(cat "$PWD/code")"
SH

# set_up CODE EVALUATIONS: a new job whose program leaves so.
set_up() {
  rm -rf campaign calls scontrol_calls may_not_requeue
  : > calls; : > scontrol_calls
  echo "$1" > code; echo "$2" > evaluations
  echo RUNNING > state; echo 2026-11-22T08:00:00 > end
}
run_job() {
  local code=0
  sed -e "s|^launcher=.*|launcher=(launch)|" -e "s|^options=.*|options=(--set 'a=b c')|" \
      "$source_folder/jobs/slurm/invar.sbatch" > job.sbatch
  TZ=UTC bash job.sbatch > log 2>&1 || code=$?
  echo "$code"
}
# expect WHAT EXPECTED FOUND
expect() {
  if [[ $2 != "$3" ]]; then
    echo "FAILED: $1: expected \`$2\`, found \`$3\`; the log:" >&2
    cat log >&2
    has_failed=yes
  fi
}

set_up 0 16
expect "exit code of a finished campaign" 0 "$(run_job)"
expect "a finished campaign is not requeued" "" "$(cat scontrol_calls)"
expect "the first start, 30 s before the end" \
  "invar run study.yaml --campaign campaign --set a=b c --time-limit 2026-11-22T07:59:30Z" "$(cat calls)"

set_up 75 16
expect "exit code of an early stop" 75 "$(run_job)"
expect "an early stop is requeued" "requeue 7" "$(cat scontrol_calls)"
echo 32 > evaluations
expect "exit code of the next early stop" 75 "$(run_job)"
expect "the second start resumes" \
  "invar resume campaign --set a=b c --time-limit 2026-11-22T07:59:30Z" "$(tail -n 1 calls)"
expect "and is requeued again" 2 "$(wc -l < scontrol_calls)"
expect "exit code without progress" 75 "$(run_job)"
expect "no progress ends the requeueing" 2 "$(wc -l < scontrol_calls)"

for code in 1 69 78 137; do
  set_up "$code" 16
  expect "exit code is passed on" "$code" "$(run_job)"
  expect "exit code $code is not requeued" "" "$(cat scontrol_calls)"
done

set_up 75 16
echo COMPLETING > state
expect "exit code of a cancelled job" 75 "$(run_job)"
expect "a cancelled job is not requeued" "" "$(cat scontrol_calls)"

set_up 75 16
touch may_not_requeue
expect "exit code where requeueing is forbidden" 75 "$(run_job)"
expect "it says what to do" 1 "$(grep -c 'submit it again' log)"

for end in UNLIMITED N/A NONE ""; do
  set_up 0 16
  echo "$end" > end
  expect "exit code without an end" 0 "$(run_job)"
  expect "no time limit without an end" "invar run study.yaml --campaign campaign --set a=b c" "$(cat calls)"
done

[[ -z $has_failed ]]
