#!/usr/bin/env python3
"""The study of jobs/couple-petsc at small size, on five ranks: two groups of two.

    killed.py BUILD_FOLDER SOURCE_FOLDER MPIEXEC

One campaign runs through; another is killed in the middle, every process of it at once, and resumed.
Both are the same to the bit, and on their way from the prior's mean to the truth.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

build, source = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
mpiexec = sys.argv[3]
program = build / "tests/spread_model"
job = source / "jobs/couple-petsc"
SMALL = {"model.n": 8, "model.steps": 10, "inference.sample_size": 16,
         "inference.optimizer_config.max_iterations": 8, "campaign.segment_seconds": 0}
TRUTH = {"x0": 0.36, "y0": 0.62}
PRIOR = {"x0": 0.5, "y0": 0.5}


def must(condition, message):
    if not condition:
        sys.exit(f"FAILED: {message}")


def start(*arguments):
    """Starts the program in a group of processes of its own."""
    settings = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
    if arguments[0] == "resume":
        settings = []
    return subprocess.Popen(
        [mpiexec, "--oversubscribe", "-n", "5", program, *arguments, *settings],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True)


def must_finish(job_of_ranks):
    output, _ = job_of_ranks.communicate(timeout=120)
    must(job_of_ranks.returncode == 0, f"exit code {job_of_ranks.returncode}:\n{output}")
    must("2 groups of 2 ranks" in output, f"other groups than expected:\n{output}")


def ranks_of(campaign):
    """The processes of a campaign, mpiexec and ranks: Open MPI's ranks are groups of their own."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if str(campaign).encode() in words and str(program).encode() in words:
                found.append(int(entry.name))
    return found


with tempfile.TemporaryDirectory(prefix="invar-couple-petsc-") as folder:
    reference = pathlib.Path(folder) / "reference"
    killed = pathlib.Path(folder) / "killed"
    must_finish(start("run", str(job / "study.yaml"), "--campaign", str(reference)))

    victim = start("run", str(job / "study.yaml"), "--campaign", str(killed))
    give_up = time.monotonic() + 60
    while len(list(killed.glob("history/segment-*.h5"))) < 3 and time.monotonic() < give_up:
        time.sleep(0.005)
    for process in ranks_of(killed):
        os.kill(process, signal.SIGKILL)
    victim.communicate(timeout=60)
    must(victim.returncode != 0, "the campaign finished before it was killed")
    must_finish(start("resume", str(killed)))

    equal = subprocess.run([build / "bin/campaign_equal", reference / "campaign.h5", killed / "campaign.h5"],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    must(equal.returncode == 0, f"the resumed campaign differs: {equal.stdout}")
    shown = subprocess.run([program, "show", killed, "--json"], check=True, stdout=subprocess.PIPE, text=True)
    posterior = json.loads(shown.stdout)["posterior"]
    names = ["log_diffusivity", "log_growth", "log_capacity", "log_amount", "x0", "y0"]
    for name, truth in TRUTH.items():
        error = abs(posterior["mean"][names.index(name)] - truth)
        must(error < 0.95 * abs(PRIOR[name] - truth), f"{name} is off by {error}")
