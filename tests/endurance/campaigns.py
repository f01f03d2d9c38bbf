"""What the endurance tests share: small campaigns of the toy model through the program, in a
scratch folder."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77  # ctest shows the test as skipped

STUDY = """invar: 1
title: toy
parameters:
  names: [a, b]
  prior: {family: diagonal, mean: 1, std: 0.5}
observations:
  values: {file: observed.csv, columns: [y]}
  covariance: {std: 0.05}
inference:
  method: run_vi
  random_seed: 3
  sample_size: 4
  sampling_method: rqmc
  optimizer_config: {gradient_method: natural, max_iterations: 3}
  line_search_config: {initial_step_size: 0.2, max_step_size: 1.0}
evaluation: {on_failure: drop, failure_budget: 0.75}
model: {type: toy, fail_above: 1.5}
campaign: {restart_files_to_keep: 2}
"""


# One rank needs neither a daemon beside it nor any network: it starts in a third of the time.
STARTS_FAST = {"OMPI_MCA_ess_singleton_isolated": "1", "OMPI_MCA_btl": "self",
               "OMPI_MCA_pml": "ob1", "OMPI_MCA_coll": "basic,self,libnbc", "OMPI_MCA_mtl": "^ofi",
               "OMPI_MCA_osc": "^ucx", "OMPI_MCA_io": "^ompio"}


def scale():
    """The share of the full length that endurance tests run."""
    return float(os.environ.get("INVAR_ENDURANCE_SCALE", "0.1"))


class Lab:
    """A scratch folder with a study, the programs, and an uninterrupted campaign to compare with."""

    def __init__(self, build, options=()):
        self.build = pathlib.Path(build).resolve()
        self.program = self.build / "tests/invar_with_toy"
        self.equal = self.build / "bin/campaign_equal"
        self.preload = self.build / "tests/libinvar_preload.so"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="invar-endurance-"))
        (self.folder / "study.yaml").write_text(STUDY)
        (self.folder / "observed.csv").write_text("y\n1.7\n1.4\n1.1\n")
        self.calls_file = self.folder / "calls"
        self.options = list(options)
        self.reference = self.folder / "reference"
        self.run(self.reference).must_finish()
        self.num_needed = self.num_calls()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        shutil.rmtree(self.folder, ignore_errors=True)

    def invar(self, *arguments, preload=None, wrapper=(), timeout=60):
        """Runs the program; `preload` are the settings of the preloaded library."""
        # Such ranks share a folder for their session, which another test's could take away.
        environment = dict(os.environ, **STARTS_FAST, INVAR_TOY_CALLS=str(self.calls_file),
                           OMPI_MCA_orte_tmpdir_base=str(self.folder))
        if preload is not None:
            environment.update(preload, LD_PRELOAD=str(self.preload))
        done = subprocess.run([*wrapper, str(self.program), *map(str, arguments)],
                              cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              errors="replace", timeout=timeout)
        return Result(arguments, done.returncode, done.stdout, done.stderr)

    def run(self, campaign, *extra, **how):
        return self.invar("run", "study.yaml", "--campaign", campaign, *self.options, *extra, **how)

    def go_on(self, campaign, **how):
        """Resumes the campaign, or runs it when a kill came before there was one."""
        return self.invar("resume", campaign, **how) if campaign.exists() else self.run(campaign, **how)

    def num_calls(self):
        """The runs that the model began since the last call of this function."""
        count = self.calls_file.stat().st_size if self.calls_file.exists() else 0
        self.calls_file.unlink(missing_ok=True)
        return count

    def difference(self, campaign, reference=None):
        """What differs from the uninterrupted campaign, or an empty string."""
        done = subprocess.run([self.equal, (reference or self.reference) / "campaign.h5",
                               campaign / "campaign.h5"], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        return "" if done.returncode == 0 else f"exit code {done.returncode}: {done.stdout}"


class Result:
    def __init__(self, arguments, exit_code, out, err):
        self.arguments = " ".join(map(str, arguments))
        self.exit_code = exit_code
        self.out = out
        self.err = err

    def must_finish(self):
        must(self.exit_code == 0, f"`invar {self.arguments}` ended with {self.exit_code}:\n{self.err}")
        return self


def must(condition, message):
    if not condition:
        sys.exit(f"FAILED: {message}")
