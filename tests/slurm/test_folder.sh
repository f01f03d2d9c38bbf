# To be sourced, after private_cluster.sh, by tests in a private cluster: a folder, `fail`, and an end at which
# nothing is left behind and the logs of a failure are shown.
folder=$(mktemp -d)
has_failed=
finish() {
  local code=$?
  trap - EXIT
  if ((code != 0 && code != 77)); then
    tail -n +1 "$folder"/*.log 2>/dev/null || true
    tail -n 20 "$folder"/cluster/log/slurm*.log 2>/dev/null || true
  fi
  stop_cluster || code=1
  rm -rf "$folder"
  exit "$code"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

fail() {
  echo "FAILED: $*" >&2
  has_failed=yes
}
