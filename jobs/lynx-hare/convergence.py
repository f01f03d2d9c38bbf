"""Says after how many runs a campaign's means stayed within one posterior standard deviation.

usage: python3 convergence.py CAMPAIGN/campaign.h5... (needs python3-h5py)
"""
import json
import pathlib
import sys

import h5py
import numpy as np

folder = pathlib.Path(__file__).parent
reference = json.loads((folder / "reference.json").read_text())["six_parameters_fixed_noise"]
exact = reference["posterior"]
mean_field = reference["gaussian_vi_meanfield"]

for name in sys.argv[1:]:
    with h5py.File(name, "r") as file:
        mean = file["rounds/mean"][:]
        std = file["rounds/std"][:]
        runs = np.cumsum(file["rounds/num_samples"][:])
        seed = file.attrs["seed"]
    distance = np.abs((mean - exact["mean"]) / exact["sd"]).max(axis=1)
    outside = np.flatnonzero(distance > 1)
    first = outside[-1] + 1 if len(outside) else 0
    ratio = std[-1] / np.array(mean_field["sd"])
    print(
        f"seed {seed}: within 1 std for good after "
        f"{runs[first] if first < len(runs) else 'more than ' + str(runs[-1])} runs; after {runs[-1]}"
        f" runs the worst mean is {distance[-1]:.2f} std off, the std are {ratio.min():.2f} to "
        f"{ratio.max():.2f} of the mean-field optimum's"
    )
