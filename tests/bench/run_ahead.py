#!/usr/bin/env python3
"""What running ahead gains where groups would be idle, and what it costs where it is of no use.

    run_ahead.py BUILD_FOLDER [REPETITIONS]

run_vi on four groups whose model only sleeps, 0.1 s or log-normal times of that mean; batches of half
the groups, of all of them and of one and a half times as many; a line search that rejects thirteen
candidates in a row, and one that accepts all. Then regression_vi with four starts on the same model, on
eight groups, in batches of half of them. Busy is the share of the groups' time that
was spent on runs; useful, on those that were asked for. Medians of the shares and ratios, sums of the
counts.
"""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

GROUPS = 4
GROUPS_OF_STARTS = 8
SLEEP_S = 0.1

PROBLEM = """invar: 1
title: running ahead
parameters:
  names: [a, b, c]
  prior: {family: diagonal, mean: 1, std: 0.5}
observations: {values: [2.5, 2.1, 1.8, 1.5, 1.3, 1.1], covariance: {std: 0.05}}
model: {type: toy, sleep_s: %s, sleep_sigma: %s}
"""

RUN_VI = PROBLEM + """inference:
  method: run_vi
  random_seed: %d
  sample_size: %d
  sampling_method: rqmc
  optimizer_config: {gradient_method: natural, max_iterations: 14}
  line_search_config: {%s}
"""

REGRESSION_VI = PROBLEM + """inference:
  method: regression_vi
  random_seed: %d
  sample_size: %d
  starts: 4
"""

SEARCHES = {
    "rejecting": "initial_step_size: 0.5, relaxation_parameter: 1, line_search_objective: mse, "
                 "step_size_growth_factor: 30, max_step_size_decrease_trys: 12",
    "accepting": "initial_step_size: 0.002, step_size_growth_factor: 1",
}


def run(program, folder, study, num_groups, is_ahead):
    (folder / "study.yaml").write_text(study)
    campaign = folder / "campaign"
    shutil.rmtree(campaign, ignore_errors=True)
    subprocess.run(["mpirun", "--oversubscribe", "-n", str(num_groups + 1), program, "run", "study.yaml", "--campaign", campaign, "--set",
                    f"evaluation.run_ahead={str(is_ahead).lower()}"], cwd=folder, check=True,
                   env={**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1",
                        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"},
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return json.loads(subprocess.run([program, "show", campaign, "--json"], check=True,
                                     stdout=subprocess.PIPE).stdout)


def measure(program, folder, studies, num_groups):
    """A row of the table: the campaigns of some studies, off and on."""
    rows = []
    for study in studies:
        off = run(program, folder, study, num_groups, False)
        on = run(program, folder, study, num_groups, True)
        made = on["evaluations"] + on["ran_ahead"] - on["asked_later"]
        whole = num_groups / SLEEP_S
        rows.append((off["evaluations"] / (whole * off["seconds"]), made / (whole * on["seconds"]),
                     on["evaluations"] / (whole * on["seconds"]), on["seconds"] / off["seconds"],
                     on))
    middle = [statistics.median(row[i] for row in rows) for i in range(4)]
    total = {key: sum(row[4][key] for row in rows) for key in ("rounds", "ran_ahead", "asked_later")}
    return (f"| {total['rounds']} | {middle[0]:.2f} | {middle[1]:.2f} | {middle[2]:.2f} "
            f"| {total['ran_ahead']} ({total['asked_later']}) | {middle[3]:.2f} |")


def main():
    program = pathlib.Path(sys.argv[1]).resolve() / "tests/invar_with_toy"
    seeds = range(1, 1 + (int(sys.argv[2]) if len(sys.argv) > 2 else 3))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="invar-run-ahead-"))
    print(f"runs of {SLEEP_S} s\n")
    print("| method | groups | batch | times | rounds | busy, off | busy, on | useful, on | ran ahead "
          "(asked for) | elapsed, on / off |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for search, keys in SEARCHES.items():
        for batch in (GROUPS // 2, GROUPS, GROUPS + GROUPS // 2):
            for sigma in (0, 1):
                studies = [RUN_VI % (SLEEP_S, sigma, seed, batch, keys) for seed in seeds]
                print(f"| run_vi, {search} | {GROUPS} | {batch} "
                      f"| {'log-normal' if sigma else 'equal'} "
                      + measure(program, folder, studies, GROUPS), flush=True)
    for sigma in (0, 1):
        batch = GROUPS_OF_STARTS // 2
        studies = [REGRESSION_VI % (SLEEP_S, sigma, seed, batch) for seed in seeds]
        print(f"| regression_vi, four starts | {GROUPS_OF_STARTS} | {batch} "
              f"| {'log-normal' if sigma else 'equal'} "
              + measure(program, folder, studies, GROUPS_OF_STARTS), flush=True)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
