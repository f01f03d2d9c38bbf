# To be sourced: Slurm on this one machine, for a test alone.
#
#   start_cluster FOLDER    starts munged, slurmctld and slurmd with sockets, ports, keys, state and
#                           logs of their own in FOLDER, and exports SLURM_CONF; returns 77 with the
#                           reason on stderr where Slurm is not installed or does not start
#   stop_cluster            ends every process that the cluster ever started; to be trapped on EXIT
#
# All processes of the cluster carry the folder's name in their environment (INVAR_TEST_CLUSTER):
# the daemons, slurmstepd, which outlives slurmd, and the jobs. So none is missed, and no other
# Slurm of the machine is touched.

cluster_folder=

# The programs of Debian's packages live in sbin, which users may not have on their PATH.
PATH=$PATH:/usr/sbin:/sbin

free_ports() {
  python3 -c '
import socket
sockets = [socket.socket() for _ in range(2)]
for s in sockets: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))'
}

# slurm.conf of one node. It has more CPUs than the machine, so that jobs need not wait for others.
# cred_expire is how long a requeued job waits before it starts again: 120 s by default.
write_slurm_conf() {
  local host user ctld_port node_port
  host=$(hostname -s)
  user=$(id -un)
  read -r ctld_port node_port < <(free_ports)
  cat > "$cluster_folder/slurm.conf" <<CONF
ClusterName=invar_test
SlurmctldHost=$host(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket=$cluster_folder/munge.socket,cred_expire=8
CredType=cred/munge
SlurmUser=$user
SlurmdUser=$user
StateSaveLocation=$cluster_folder/state
SlurmdSpoolDir=$cluster_folder/spool
SlurmctldPidFile=$cluster_folder/slurmctld.pid
SlurmdPidFile=$cluster_folder/slurmd.pid
SlurmctldLogFile=$cluster_folder/log/slurmctld.log
SlurmdLogFile=$cluster_folder/log/slurmd.log
SlurmctldPort=$ctld_port
SlurmdPort=$node_port
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,sched_min_interval=0,bf_interval=2
ReturnToService=2
KillWait=3
MpiDefault=none
NodeName=$host NodeAddr=127.0.0.1 CPUs=16 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
}

# Runs a daemon in the background, in the foreground of its own.
start_daemon() {
  env INVAR_TEST_CLUSTER="$cluster_folder" "$@" >"$cluster_folder/log/${1##*/}.out" 2>&1 </dev/null &
}

# Waits until a command succeeds; fails after so many seconds.
wait_until() {
  local seconds=$1 end
  shift
  end=$((SECONDS + seconds))
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || return 1
    sleep 0.2
  done
}

is_node_idle() { [[ $(sinfo -h -o %T) == idle ]]; }

start_cluster() {
  local program
  for program in munged slurmctld slurmd sbatch srun scontrol python3; do
    if ! command -v "$program" >/dev/null; then
      echo "skipped: $program is not installed (jobs/install-dependencies.sh --developer)" >&2
      return 77
    fi
  done
  if ((EUID != 0)); then
    echo "skipped: only root may start the daemons of Slurm" >&2
    return 77
  fi
  # What an allocation around this test, or the user's habits, would say to sbatch and srun.
  unset "${!SLURM_@}" "${!SBATCH_@}" "${!SRUN_@}"
  cluster_folder=$1
  mkdir -p "$cluster_folder"/{state,spool,log}
  chmod 755 "$cluster_folder"  # munged wants to be reached by all
  write_slurm_conf
  export SLURM_CONF=$cluster_folder/slurm.conf

  (umask 077 && head -c 1024 /dev/urandom > "$cluster_folder/munge.key")
  start_daemon munged --foreground --force --key-file="$cluster_folder/munge.key" \
    --socket="$cluster_folder/munge.socket" --pid-file="$cluster_folder/munged.pid" \
    --log-file="$cluster_folder/log/munged.log" --seed-file="$cluster_folder/munged.seed"
  if wait_until 10 munge -n -S "$cluster_folder/munge.socket"; then
    start_daemon slurmctld -D
    start_daemon slurmd -D
    if wait_until 30 is_node_idle; then
      return 0
    fi
  fi
  echo "skipped: Slurm is installed and does not start; the ends of its logs:" >&2
  tail -n 5 "$cluster_folder"/log/* >&2 || true
  return 77
}

processes_of_cluster() {
  local environment pid
  for environment in /proc/[0-9]*/environ; do
    pid=${environment#/proc/}
    pid=${pid%/environ}
    if [[ $pid != "$$" ]] &&
      grep -qzx "INVAR_TEST_CLUSTER=$cluster_folder" "$environment" 2>/dev/null; then
      echo "$pid"
    fi
  done
}

stop_cluster() {
  [[ -n $cluster_folder ]] || return 0
  local signal pids end
  for signal in TERM KILL; do
    mapfile -t pids < <(processes_of_cluster)
    ((${#pids[@]} == 0)) || kill -s "$signal" "${pids[@]}" 2>/dev/null || true
    end=$((SECONDS + 5))
    while [[ -n $(processes_of_cluster) ]] && ((SECONDS < end)); do
      sleep 0.2
    done
  done
  if [[ -n $(processes_of_cluster) ]]; then
    echo "processes of the test's cluster are left: $(processes_of_cluster | tr '\n' ' ')" >&2
    return 1
  fi
}
