#!/usr/bin/env python3
"""Seconds from the start of `invar resume` to the first run of the model, with 100,000 evaluations
stored: after an orderly stop; after a kill that left all of them in the journal; and when no restart
file is left, so that every round is asked and told again from history.

    restart_time.py BUILD_FOLDER [EVALUATIONS]

16 parameters, 32 QoIs, batches of 1,000, one rank.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

STUDY = """invar: 1
title: restart
parameters:
  names: {prefix: x, count: 16}
  prior: {family: diagonal, mean: 1, std: 0.1}
observations: {values: [%s], covariance: {std: 10}}
model: {type: toy}
inference:
  method: run_vi
  sample_size: 1000
  optimizer_config: {max_iterations: 1000000, gradient_norm_tolerance: 0}
  line_search_config: {initial_step_size: 1.0e-6, max_step_size: 1.0e-6}
""" % ",".join(["1"] * 32)


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    evaluations = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    program = build / "tests/invar_with_toy"
    folder = pathlib.Path(tempfile.mkdtemp(prefix="invar-restart-"))
    calls = folder / "calls"
    campaign = folder / "campaign"

    def invar(*arguments, codes=(75,)):
        done = subprocess.run([program, *map(str, arguments)], cwd=folder,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert done.returncode in codes, done.stderr

    def first_run():
        """Resumes until the model runs, and kills the program there."""
        calls.unlink(missing_ok=True)
        messages = folder / "messages"
        start = time.monotonic()
        with open(messages, "w", encoding="utf-8") as stderr:
            running = subprocess.Popen([program, "resume", campaign], cwd=folder,
                                       env=dict(os.environ, INVAR_TOY_CALLS=str(calls)),
                                       stdout=subprocess.DEVNULL, stderr=stderr)
        while not calls.exists():
            assert running.poll() is None, f"{running.poll()}: {messages.read_text()}"
            time.sleep(0.001)
        seconds = time.monotonic() - start
        running.kill()
        running.wait()
        return seconds

    def best(state):
        """Of three, each on a copy of the campaign as it was left."""
        shown = json.loads(subprocess.run([program, "show", campaign, "--json"], check=True,
                                          stdout=subprocess.PIPE).stdout)
        kept = folder / "kept"
        campaign.rename(kept)
        seconds = []
        for _ in range(3):
            shutil.copytree(kept, campaign)
            seconds.append(first_run())
            shutil.rmtree(campaign)
        print(f"{state}, {shown['evaluations']} evaluations: {min(seconds):.2f} s", flush=True)
        kept.rename(campaign)

    try:
        (folder / "study.yaml").write_text(STUDY)
        rounds = evaluations // 1000
        invar("run", "study.yaml", "--campaign", campaign, "--stop-after", rounds)
        best("after a stop")
        shutil.rmtree(campaign / "restart")
        best("no restart file left")
        shutil.rmtree(campaign)

        kill = dict(os.environ, LD_PRELOAD=str(build / "tests/libinvar_preload.so"),
                    INVAR_EXIT_UNDER=str(campaign / "journal"),
                    INVAR_EXIT_AT=str(evaluations + 2 * rounds))
        subprocess.run([program, "run", "study.yaml", "--campaign", campaign, "--set",
                        "campaign.segment_seconds=1e9", "--set", "campaign.segment_megabytes=1e9"],
                       cwd=folder, env=kill, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        best("after a kill, all in the journal")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
