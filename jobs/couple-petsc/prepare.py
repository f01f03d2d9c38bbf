#!/usr/bin/env python3
"""Makes the files of study.yaml with the simulation as it was, and nothing but the standard library.

usage: prepare.py PATH_OF_SPREAD

measurements.csv   what nine sensors would have read, with noise. The grid and the steps are half as
                   large as the study's: its model is wrong by its discretisation, as models are.
start.csv          a covariance to start from: the posterior's, were the model linear around the prior's
                   mean, from differences. run_vi keeps its correlations and finds the rest.
"""
import pathlib
import random
import subprocess
import sys

TRUTH = [-6.4, -0.3, 0.15, -1.3, 0.36, 0.62]  # log D, log r, log K, log A, x0, y0
NOISE = 0.05
SEED = 1
PRIOR_MEAN = [-6.0, -0.5, 0.0, -1.0, 0.5, 0.5]
PRIOR_VARIANCE = [0.25, 0.09, 0.09, 0.25, 0.0225, 0.0225]
STEP = 1e-4  # of the differences


def readings(parameters, n, steps):
    run = subprocess.run(
        [sys.argv[1], "-parameters", ",".join(map(str, parameters)), "-n", str(n), "-steps", str(steps)],
        check=True, capture_output=True, text=True)
    return [float(line) for line in run.stdout.split()]


def slope(index):
    """Derivatives of the readings with respect to one parameter at the prior's mean."""
    ahead, behind = list(PRIOR_MEAN), list(PRIOR_MEAN)
    ahead[index] += STEP
    behind[index] -= STEP
    return [(a - b) / (2 * STEP) for a, b in zip(readings(ahead, 64, 50), readings(behind, 64, 50))]


def inverse(matrix):
    """By Gauss and Jordan; the matrix is positive definite."""
    size = len(matrix)
    rows = [list(row) + [float(i == j) for j in range(size)] for i, row in enumerate(matrix)]
    for i in range(size):
        rows[i] = [value / rows[i][i] for value in rows[i]]
        for j in range(size):
            if j != i:
                rows[j] = [a - rows[j][i] * b for a, b in zip(rows[j], rows[i])]
    return [row[size:] for row in rows]


generator = random.Random(SEED)
truth = readings(TRUTH, 128, 100)
lines = ["time," + ",".join(f"sensor{number}" for number in range(1, 10))]
for time in range(5):
    noisy = [value + generator.gauss(0, NOISE) for value in truth[9 * time:9 * time + 9]]
    lines.append(f"{2 * time + 2}," + ",".join(f"{value:.4f}" for value in noisy))
folder = pathlib.Path(__file__).parent
(folder / "measurements.csv").write_text("\n".join(lines) + "\n")

slopes = [slope(index) for index in range(len(TRUTH))]
precision = [[sum(a * b for a, b in zip(slopes[i], slopes[j])) / NOISE**2
              + (1 / PRIOR_VARIANCE[i] if i == j else 0.0) for j in range(len(TRUTH))]
             for i in range(len(TRUTH))]
covariance = inverse(precision)
(folder / "start.csv").write_text(
    "".join(",".join(f"{round(value, 8) + 0.0:.8f}" for value in row) + "\n" for row in covariance))
