"""The same inversion through every door: linked in, process (one by one, and in batches), plugin, and
UM-Bridge client against our own server. QoIs and posteriors are equal, bit by bit where the door's sums
run in the same order, else to 1e-14.

usage: doors.py INVAR INVAR_EVAL CAMPAIGN_EQUAL PLUGIN
"""
import json
import pathlib
import signal
import subprocess
import sys
import tempfile

invar, invar_eval, campaign_equal, plugin = sys.argv[1:]

STUDY = """invar: 1
parameters: {names: [a, b], prior: {family: diagonal, mean: 1, std: 0.5}}
observations: {values: [2.5, 1.1, 0.8], covariance: {std: 0.1}}
inference:
  method: run_vi
  random_seed: 3
  sample_size: 8
  optimizer_config: {gradient_method: natural, max_iterations: 4}
  line_search_config: {initial_step_size: 0.1, max_step_size: 0.5}
"""
MATRIX = "matrix: [[1.1, 0.3], [0.2, 0.9], [0.7, 0.1]]"


def run(folder, name, model, ranks):
    (folder / f"{name}.yaml").write_text(STUDY + f"model: {model}\n")
    subprocess.run(["mpirun", "--oversubscribe", "-n", str(ranks), invar, "run", f"{name}.yaml",
                    "--campaign", name], cwd=folder, check=True, stderr=subprocess.DEVNULL)


def posterior(folder, name):
    shown = subprocess.run([invar, "show", name, "--json"], cwd=folder, check=True,
                           stdout=subprocess.PIPE)
    return json.loads(shown.stdout)["posterior"]


def expect_equal(folder, name):
    result = subprocess.run([campaign_equal, "linked/campaign.h5", f"{name}/campaign.h5"],
                            cwd=folder, stdout=subprocess.PIPE, text=True)
    assert result.returncode == 0, f"{name}: {result.stdout}"
    print(name, "has the same bits")


with tempfile.TemporaryDirectory() as scratch:
    folder = pathlib.Path(scratch)
    run(folder, "linked", f"{{type: linear, {MATRIX}}}", 1)

    driver = f"command: [{invar_eval}, --study, {folder}/linked.yaml]"
    run(folder, "process", f"{{type: process, {driver}}}", 3)
    expect_equal(folder, "process")
    run(folder, "batches", f"{{type: process, batch: 4, results: json, parameters: json, {driver}}}", 3)
    expect_equal(folder, "batches")

    server = subprocess.Popen(["mpirun", "--oversubscribe", "-n", "3", invar, "serve", "linked.yaml",
                               "--port", "0"], cwd=folder, stdout=subprocess.PIPE, text=True)
    url = server.stdout.readline().split()[-1]
    try:
        run(folder, "umbridge", f"{{type: umbridge, url: '{url}'}}", 3)
    finally:
        server.send_signal(signal.SIGUSR1)
        code = server.wait(30)
    assert code == 0, f"the server ended with {code}"
    expect_equal(folder, "umbridge")

    if plugin:
        run(folder, "plugin", f"{{type: plugin, library: {plugin}, options: {{{MATRIX}}}}}", 3)
        expected, found = posterior(folder, "linked"), posterior(folder, "plugin")
        for what in ("mean", "std"):
            for a, b in zip(expected[what], found[what]):
                assert abs(a - b) <= 1e-14 * max(1.0, abs(a)), (what, a, b)
        print("plugin has the same posterior")
