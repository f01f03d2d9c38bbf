#!/usr/bin/env bash
# Installs the Debian 12 packages that Invar is built from, those that are missing only.
# Works as root or with sudo; does nothing where all is there.
#
#   jobs/install-dependencies.sh [--developer]     also what formats, checks and tests the code
set -euo pipefail

packages=(
  g++ cmake ninja-build pkg-config git ca-certificates python3
  libopenmpi-dev openmpi-bin petsc-dev libhdf5-openmpi-dev hdf5-tools
  libeigen3-dev librandom123-dev libboost-dev libboost-random-dev
  libyaml-cpp-dev libcli11-dev libspdlog-dev libfmt-dev nlohmann-json3-dev libcpp-httplib-dev
  libgtest-dev libgmock-dev libbenchmark-dev
)
if [[ "${1:-}" == --developer ]]; then
  packages+=(clang-format clang-tidy python3-h5py python3-netcdf4 python3-xarray)
  # The job script is tested in a Slurm of its own, and the Fortran plugin with a compiler; those
  # tests are skipped where these are missing.
  optional=(slurmctld slurmd slurm-client munge gfortran)
else
  optional=()
fi

is_missing() {
  ! dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed
}
missing=()
for package in "${packages[@]}"; do
  if is_missing "$package"; then missing+=("$package"); fi
done
missing_optional=()
for package in "${optional[@]}"; do
  if is_missing "$package"; then missing_optional+=("$package"); fi
done
if ((${#missing[@]} + ${#missing_optional[@]} == 0)); then
  exit 0
fi

as_root=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    if ((${#missing[@]} == 0)); then
      echo "Not installed, and not needed to build: ${missing_optional[*]}" >&2
      exit 0
    fi
    echo "These packages are missing: ${missing[*]}" >&2
    echo "Run this script as root, or install sudo." >&2
    exit 69
  fi
  as_root=(sudo)
fi
install() {
  echo "Installing $# packages: $*" >&2
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "$@" >&2
}
if ((${#missing[@]} > 0)); then
  "${as_root[@]}" apt-get update -q >&2
  install "${missing[@]}"
fi
if ((${#missing_optional[@]} > 0)); then
  { ((${#missing[@]} > 0)) || "${as_root[@]}" apt-get update -q >&2; } &&
    install "${missing_optional[@]}" ||
    echo "Could not install ${missing_optional[*]}: optional, tests that need them are skipped" >&2
fi
