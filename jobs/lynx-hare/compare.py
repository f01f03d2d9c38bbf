"""Prints a posterior (`invar show DIR --json` on stdin) beside the reference, and says how far apart.

usage: invar show DIR --json | python3 compare.py reference.json
"""
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    reference = json.load(file)["six_parameters_fixed_noise"]["posterior"]
shown = json.load(sys.stdin)
posterior = shown["posterior"]
if posterior is None:
    sys.exit("no posterior yet")

print(f"{'':12}{'this campaign':>22}{'reference':>22}{'difference / reference std':>30}")
worst = 0.0
for name, mean, std, reference_mean, reference_std in zip(
    posterior["names"], posterior["mean"], posterior["std"], reference["mean"], reference["sd"]
):
    distance = abs(mean - reference_mean) / reference_std
    worst = max(worst, distance)
    print(
        f"{name:12}{mean:12.4f} ±{std:8.4f}{reference_mean:12.4f} ±{reference_std:8.4f}"
        f"{distance:30.2f}"
    )
print(
    f"\n{shown['evaluations']} model runs; every mean is within {worst:.2f} reference standard "
    "deviations of the reference."
)
