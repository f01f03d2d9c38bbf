#!/usr/bin/env bash
# Installs the Debian 12 packages that Invar is built from, those that are missing only.
# Works as root or with sudo; does nothing where all is there.
set -euo pipefail

packages=(
  g++ cmake ninja-build pkg-config git ca-certificates python3
  libopenmpi-dev openmpi-bin petsc-dev libhdf5-openmpi-dev hdf5-tools
  libeigen3-dev librandom123-dev libboost-dev libboost-random-dev
  libyaml-cpp-dev libcli11-dev libspdlog-dev libfmt-dev nlohmann-json3-dev
  libgtest-dev libgmock-dev libbenchmark-dev
)
if [[ "${1:-}" == --developer ]]; then
  packages+=(clang-format clang-tidy python3-h5py)
fi

missing=()
for package in "${packages[@]}"; do
  if ! dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed; then
    missing+=("$package")
  fi
done
if ((${#missing[@]} == 0)); then
  exit 0
fi

as_root=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    echo "These packages are missing: ${missing[*]}" >&2
    echo "Run this script as root, or install sudo." >&2
    exit 69
  fi
  as_root=(sudo)
fi
echo "Installing ${#missing[@]} packages: ${missing[*]}" >&2
"${as_root[@]}" apt-get update -q >&2
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -q --no-install-recommends "${missing[@]}" >&2
