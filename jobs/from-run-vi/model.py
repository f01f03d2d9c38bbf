"""A model as its author has it for run_vi: a hot rod that cools, in files."""
import math
import os
import subprocess
import sys

TIMES = [0.0, 0.5, 1.0, 2.0, 4.0]

SOLVER = """
import math
start, rate = (float(line.split("=")[1]) for line in open("input.txt"))
with open("output.txt", "w") as file:
    for time in TIMES:
        file.write("%.17g\\n" % (20 + start * math.exp(-rate * time)))
"""


class CoolingRod:
    """Temperatures at five times; the parameters are the excess at first and the logarithm of the rate."""

    def populate_run_directory(self, run_dir, parameter_sample):
        with open(os.path.join(run_dir, "input.txt"), "w") as file:
            file.write(f"start = {parameter_sample['excess']:.17g}\n")
            file.write(f"rate = {math.exp(parameter_sample['log_rate']):.17g}\n")

    def run_model(self, run_dir, parameter_sample):
        program = SOLVER.replace("TIMES", repr(TIMES))
        return subprocess.run([sys.executable, "-c", program], cwd=run_dir).returncode

    def compute_qoi(self, run_dir, parameter_sample):
        with open(os.path.join(run_dir, "output.txt")) as file:
            return [float(line) for line in file]  # or a numpy array


rod = CoolingRod()
