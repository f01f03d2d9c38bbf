"""Exports posteriors and reads them with the tools that others have: xarray and netCDF4, held against
campaign.h5 and against densities computed by hand.

usage: export.py INVAR README
"""
import fcntl
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import netCDF4
import numpy
import xarray

INVAR = pathlib.Path(sys.argv[1]).resolve()
README = pathlib.Path(sys.argv[2]).resolve()

MATRIX = numpy.array([[1.1, 0.3, 0.2], [0.2, 0.9, 0.1], [0.7, 0.1, 0.3], [0.4, 0.5, 0.6]])
OBSERVED = numpy.array([1.7, 1.1, 1.0, 1.6])
STUDY = f"""invar: 1
title: small
observations: {{values: {OBSERVED.tolist()}, covariance: COVARIANCE}}
model: {{type: linear, matrix: {MATRIX.tolist()}}}
inference:
  method: run_vi
  random_seed: 3
  sample_size: 32
  covariance_regularization: 0.001
  optimizer_config: {{gradient_method: natural, max_iterations: 6}}
  line_search_config: {{initial_step_size: 0.5, max_step_size: 1}}
parameters: PARAMETERS
"""
BOUNDED = """
  names: [a, b/c, draw]
  units: [m, s, ""]
  prior: {family: diagonal, mean: [0.5, 1, 1], std: 0.5}
  bounds: {min: [0, -.inf, -.inf], max: .inf}"""
CORRELATED = """
  names: {prefix: k, count: 3}
  prior: {family: multivariate, mean: 1, covariance: [[0.3, 0.1, 0], [0.1, 0.2, 0], [0, 0, 0.4]]}"""
VARIANCES = numpy.array([0.04, 0.01, 0.09, 0.04])
COVARIANCE = numpy.diag(VARIANCES) + 0.005


def write_study(folder, name, parameters, covariance):
    text = STUDY.replace("COVARIANCE", str(covariance.tolist())).replace("PARAMETERS", parameters)
    (folder / f"{name}.yaml").write_text(text)


def invar(*arguments, folder):
    return subprocess.run([INVAR, *arguments], cwd=folder, capture_output=True, text=True)


def group(path, name):
    with xarray.open_dataset(path, group=name) as data:
        return data.load()


class Export(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = pathlib.Path(scratch.name)
        write_study(cls.folder, "bounded", BOUNDED, VARIANCES)
        write_study(cls.folder, "correlated", CORRELATED, COVARIANCE)
        for name in ("bounded", "correlated"):
            for command in (["run", f"{name}.yaml", "--campaign", name],
                            ["export", name, "--to", f"{name}.nc"]):
                done = invar(*command, folder=cls.folder)
                assert done.returncode == 0, done.stderr
        cls.bounded = cls.folder / "bounded.nc"

    def campaign(self, path, name="bounded"):
        """A dataset of campaign.h5, which netCDF reads as well."""
        with netCDF4.Dataset(self.folder / name / "campaign.h5") as file:
            return file[path][...].filled(numpy.nan) if path != "evaluations/id" else file[path][:].data

    def expect_error(self, code, part, *arguments):
        before = sorted(self.folder.iterdir())
        done = invar("export", *arguments, folder=self.folder)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(part, done.stderr)
        self.assertEqual(sorted(self.folder.iterdir()), before, "something is left behind")

    def test_every_group_has_named_dimensions_and_coordinates(self):
        sampled = {"chain": 1, "draw": 32}
        expected = {
            "posterior": sampled,
            "sample_stats": sampled,
            "log_likelihood": {**sampled, "qoi": 4},
            "posterior_predictive": {**sampled, "qoi": 4},
            "prior": sampled,
            "observed_data": {"qoi": 4},
            "weighted_runs": {"run": 32, "parameter": 3, "qoi": 4},
        }
        with netCDF4.Dataset(self.bounded) as file:
            self.assertEqual(set(file.groups), set(expected))
            self.assertEqual(file.data_model, "NETCDF4")
            for found in file.groups.values():
                self.assertFalse(any(d.isunlimited() for d in found.dimensions.values()))
        for name, dimensions in expected.items():
            with self.subTest(name):
                data = group(self.bounded, name)
                self.assertEqual(dict(data.sizes), dimensions)
                self.assertEqual(set(data.coords), set(dimensions))
                self.assertEqual(data.attrs["inference_library"], "invar")
                self.assertRegex(data.attrs["created_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")

    def test_the_file_holds_the_study_and_its_origin(self):
        attributes = xarray.open_dataset(self.bounded).attrs
        self.assertEqual(attributes["title"], "small")
        self.assertIn("covariance_regularization: 0.001", attributes["study"])
        self.assertIn(attributes["inference_library_version"], invar("--version",
                                                                     folder=self.folder).stdout)

    def test_draws_are_the_runs_of_the_posterior(self):
        posterior = group(self.bounded, "posterior")
        samples = self.campaign("posterior/samples")
        for j, name in enumerate(["a", "b_c", "draw_"]):  # as netCDF allows
            self.assertEqual(posterior[name].dims, ("chain", "draw"))
            numpy.testing.assert_array_equal(posterior[name].values[0], samples[:, j])
        self.assertEqual(posterior["b_c"].attrs, {"units": "s", "long_name": "b/c"})

    def test_statistics_are_those_of_the_campaign(self):
        stats = group(self.bounded, "sample_stats")
        shown = json.loads(invar("show", "bounded", "--json", folder=self.folder).stdout)
        for name in ("elbo", "normalised_elbo", "stop_reason"):
            self.assertEqual(stats.attrs[name], shown[name])
        runs = group(self.bounded, "posterior_predictive")["run"].values[0]
        numpy.testing.assert_allclose(
            stats["lp"].values[0],
            (self.campaign("evaluations/log_likelihood") + self.campaign("evaluations/log_prior"))[runs],
            rtol=1e-12)

    def test_predictions_are_runs_with_noise(self):
        predictive = group(self.bounded, "posterior_predictive")
        runs = predictive["run"].values[0]
        numpy.testing.assert_array_equal(predictive["qois"].values[0],
                                         self.campaign("evaluations/qois")[runs])
        self.assertEqual(self.campaign("evaluations/id")[runs].tolist(), runs.tolist())
        noise = (predictive["y"] - predictive["qois"]).values[0] / numpy.sqrt(VARIANCES + 0.001)
        # 128 standard normals: the standard error of their mean is 0.09, of their variance 0.125.
        self.assertLess(abs(noise.mean()), 0.4)
        self.assertLess(abs(noise.var() - 1), 0.5)

    def test_log_likelihood_is_that_of_every_observation(self):
        qois = group(self.bounded, "posterior_predictive")["qois"].values[0]
        found = group(self.bounded, "log_likelihood")["y"].values[0]
        variances = VARIANCES + 0.001
        expected = -0.5 * ((OBSERVED - qois) ** 2 / variances + numpy.log(2 * numpy.pi * variances))
        numpy.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
        runs = group(self.bounded, "posterior_predictive")["run"].values[0]
        numpy.testing.assert_allclose(found.sum(axis=1),
                                      self.campaign("evaluations/log_likelihood")[runs], rtol=1e-12)

    def test_log_likelihood_of_correlated_noise_is_a_number_per_draw(self):
        path = self.folder / "correlated.nc"
        found = group(path, "log_likelihood")["y"]
        self.assertEqual(found.dims, ("chain", "draw"))
        misfit = OBSERVED - group(path, "posterior_predictive")["qois"].values[0]
        covariance = COVARIANCE + 0.001 * numpy.eye(4)
        expected = -0.5 * (numpy.einsum("ij,jk,ik->i", misfit, numpy.linalg.inv(covariance), misfit)
                           + numpy.linalg.slogdet(2 * numpy.pi * covariance)[1])
        numpy.testing.assert_allclose(found.values[0], expected, rtol=1e-10)

    def test_runs_are_kept_with_weights(self):
        runs = group(self.bounded, "weighted_runs")
        self.assertEqual(runs["parameter"].values.tolist(), ["a", "b/c", "draw"])
        numpy.testing.assert_array_equal(runs["parameters"].values,
                                         self.campaign("evaluations/parameters")[runs["run"].values])
        numpy.testing.assert_array_equal(runs["weight"].values, numpy.full(32, 1 / 32))
        numpy.testing.assert_allclose(runs["qois"].values, runs["parameters"].values @ MATRIX.T,
                                      rtol=1e-12)
        for name in ("log_likelihood", "log_prior"):
            numpy.testing.assert_allclose(
                runs[name].values, self.campaign(f"evaluations/{name}")[runs["run"].values], rtol=1e-12)
        drawn = group(self.bounded, "posterior_predictive")["run"]
        numpy.testing.assert_array_equal(runs.sel(run=drawn)["qois"].values,
                                         group(self.bounded, "posterior_predictive")["qois"].values)

    def test_prior_is_inside_the_bounds(self):
        prior = group(self.bounded, "prior")
        self.assertGreater(prior["a"].values.min(), 0)
        # Standard error of the mean of 32: 0.09.
        self.assertLess(abs(prior["b_c"].values.mean() - 1), 0.4)
        self.assertIn("restricted", prior.attrs["bounds"])
        numpy.testing.assert_array_equal(group(self.bounded, "observed_data")["y"].values, OBSERVED)

    def test_two_exports_differ_in_their_time_alone(self):
        done = invar("export", "bounded", "--to", "again.nc", folder=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)

        def timeless(path):
            time = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
            bytes_, count = re.subn(time, b"", path.read_bytes())
            self.assertEqual(count, 8, "one of the file and one of each group")
            return bytes_

        self.assertEqual(timeless(self.folder / "again.nc"), timeless(self.bounded))

    def test_a_campaign_that_runs_is_exported(self):
        with open(self.folder / "bounded" / "lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # as the program does that runs it
            done = invar("export", "bounded", "--to", "running.nc", folder=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_listing_of_the_readme_runs(self):
        invar("export", "bounded", "--to", "posterior.nc", folder=self.folder)
        text = README.read_text(encoding="utf-8")
        listing = re.search(r"<!-- begin python -->\n```python\n(.*?)```", text, re.DOTALL).group(1)
        done = subprocess.run([sys.executable, "-c", listing], cwd=self.folder, capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("b_c", done.stdout)
        self.assertIn("quantile", done.stdout)

    def test_a_file_that_is_there_is_replaced_by_force_only(self):
        path = self.folder / "there.nc"
        path.write_text("mine")
        self.expect_error(64, "--force", "bounded", "--to", "there.nc")
        self.assertEqual(path.read_text(), "mine")
        done = invar("export", "bounded", "--to", "there.nc", "--force", folder=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(group(path, "posterior").sizes["draw"], 32)

    def test_errors_say_what_is_possible(self):
        self.expect_error(64, ".nc", "bounded", "--to", "posterior.csv")
        self.expect_error(64, "--to", "bounded")
        self.expect_error(66, "nowhere", "nowhere", "--to", "new.nc")
        self.expect_error(74, "new.nc", "bounded", "--to", "missing/new.nc")

    def test_a_campaign_without_a_posterior_is_refused(self):
        invar("run", "bounded.yaml", "--campaign", "begun", "--stop-after", "0", folder=self.folder)
        self.assertTrue((self.folder / "begun" / "study.yaml").exists())
        self.expect_error(66, "no posterior yet", "begun", "--to", "new.nc")

    def test_a_damaged_campaign_is_refused(self):
        invar("run", "bounded.yaml", "--campaign", "damaged", folder=self.folder)
        path = self.folder / "damaged" / "campaign.h5"
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        self.expect_error(65, "campaign.h5", "damaged", "--to", "new.nc")


unittest.main(argv=sys.argv[:1])
