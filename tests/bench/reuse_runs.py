#!/usr/bin/env python3
"""How many runs a campaign needs that reuses an earlier one, beside one that does not.

    reuse_runs.py INVAR STUDY [--seeds 10]

Per change of the study a row of a table in Markdown: runs to the study's `accuracy` without reuse,
with the reuse of a finished campaign of the unchanged study, and with that of one that was stopped
after 160 runs; medians over seeds, the largest number in brackets. KL (nats, largest over seeds) is that
from the answer to the answer of a long campaign with the changed study. Needs Debian's python3-numpy.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile

import numpy as np

CHANGES = {
    "another seed": [],
    "noise + 20 %": ["observations.covariance.std=0.3"],
    "noise - 20 %": ["observations.covariance.std=0.2"],
    "prior moved and halved": ["parameters.prior.mean=[-0.5,-3.5,-0.3,-3.5,3.3,1.8]",
                               "parameters.prior.std=[0.3,0.5,0.3,0.5,0.5,0.5]"],
    "bounds, by arctan": ["parameters.bounds.min=[-4,-8,-4,-8,-3,-3]",
                          "parameters.bounds.max=[4,4,4,4,8,8]",
                          "inference.transform_map=arctan"],
}


class Lab:
    def __init__(self, invar, study, folder):
        self.invar, self.study, self.folder = invar, study, pathlib.Path(folder)

    def answer(self, name, *settings):
        """What `show --json` says of a new campaign with this name."""
        directory = self.folder / name
        options = [word for setting in settings for word in ("--set", setting)]
        subprocess.run([self.invar, "run", self.study, "--campaign", directory, *options],
                       check=True, capture_output=True, timeout=600)
        shown = subprocess.run([self.invar, "show", directory, "--json"], check=True,
                               capture_output=True, text=True, timeout=60)
        return json.loads(shown.stdout)


def divergence(p, q):
    """KL between the Gaussians of two answers, in nats."""
    mean_p, mean_q = (np.array(a["posterior"]["mean"]) for a in (p, q))
    cov_p, cov_q = (np.array(a["posterior"]["covariance"]) for a in (p, q))
    inverse = np.linalg.inv(cov_q)
    between = mean_q - mean_p
    return 0.5 * (np.trace(inverse @ cov_p) + between @ inverse @ between - len(between)
                  + np.linalg.slogdet(cov_q)[1] - np.linalg.slogdet(cov_p)[1])


def cell(answers, reference):
    runs = [answer["evaluations"] for answer in answers]
    worst = max(divergence(answer, reference) for answer in answers)
    return f"{statistics.median(runs):.0f} ({max(runs)}); {worst:.1g}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("invar")
    parser.add_argument("study")
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    seeds = range(1, arguments.seeds + 1)
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(arguments.invar, arguments.study, folder)
        for seed in seeds:
            lab.answer(f"whole-{seed}", f"inference.random_seed={seed}")
            lab.answer(f"stopped-{seed}", f"inference.random_seed={seed}",
                       "inference.max_evaluations=160")
        print("| change | alone: runs; KL | after a whole campaign | after 160 runs |")
        print("|---|---|---|---|")
        for number, (change, settings) in enumerate(CHANGES.items()):
            reference = lab.answer(f"{number}-long", "inference.random_seed=99",
                                   "inference.accuracy=0.01", "inference.max_evaluations=6000",
                                   *settings)
            cells = []
            for earlier in (None, "whole", "stopped"):
                answers = []
                for seed in seeds:
                    reuse = ([f"inference.reuse=[{lab.folder}/{earlier}-{seed}]"]
                             if earlier else [])
                    answers.append(lab.answer(f"{number}-{earlier}-{seed}",
                                              f"inference.random_seed={100 + seed}", *settings,
                                              *reuse))
                cells.append(cell(answers, reference))
            print(f"| {change} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
