"""Brings models written for run_vi to Invar and to UM-Bridge clients through jobs/from-run-vi.

usage: from_run_vi.py SOURCE_DIRECTORY INVAR
"""
import contextlib
import http.client
import json
import math
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

SOURCE = pathlib.Path(sys.argv[1]).resolve()
INVAR = pathlib.Path(sys.argv[2]).resolve()
JOB = SOURCE / "jobs/from-run-vi"

ODD_MODELS = '''
import math, os, sys, time

class Odd:
    """Whose parameter `a` says what it does."""
    code, answer = 0, [1.0, 2.0]
    def populate_run_directory(self, directory, parameters):
        assert os.listdir(directory) == [] and set(parameters) == {"a", "b"}
        assert all(type(value) is float for value in parameters.values())
        open(os.path.join(directory, "was_here"), "w").close()
    def run_model(self, directory, parameters):
        assert open("beside.txt").read() == "beside the model"
        return self.code
    def compute_qoi(self, directory, parameters):
        if callable(self.answer):
            return self.answer()
        return self.answer

def odd(answer=(1.0, 2.0), code=0):
    model = Odd()
    model.answer, model.code = answer, code
    return model

class Array:
    """What numpy's arrays have."""
    def __init__(self, items): self.items = items
    def tolist(self): return self.items

def throw(): raise ValueError("no mesh")
def leave(): sys.exit(3)

fine = odd()
array = odd(Array([1.0, 2.0]))
no_code = odd(code=None)
failed = odd(code=1)
throws = odd(throw)
leaves = odd(leave)
nan = odd([1.0, float("nan")])
short = odd([1.0])
long = odd(Array([1.0, 2.0, 3.0]))
square = odd(Array([[1.0, 2.0], [3.0, 4.0]]))
scalar = odd(1.0)
text = odd("12")
none = odd(None)
slow = odd(lambda: time.sleep(0.5) or [1.0, 2.0])
class no_model: pass
'''

ODD_STUDY = """invar: 1
parameters:
  names: [a, b]
  prior: {family: diagonal, mean: 0, std: 1}
observations: {values: [1, 2], covariance: 1}
model:
  type: process
  command: [python3, serve_run_vi_model.py, process, "odd:MODEL"]
  parameters: json
  results: json
inference: {method: run_vi, sample_size: 2, optimizer_config: {max_iterations: 1}}
"""


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="invar-from-run-vi-"))
        for file in JOB.iterdir():
            shutil.copy(file, self.folder)
        (self.folder / "odd.py").write_text(ODD_MODELS)
        (self.folder / "beside.txt").write_text("beside the model")

    def tearDown(self):
        shutil.rmtree(self.folder)

    def invar(self, *arguments):
        return subprocess.run([INVAR, *arguments], cwd=self.folder, capture_output=True, text=True)


class ProcessDoor(Folder):
    def test_runs_the_example_with_its_very_numbers(self):
        run = self.invar("run", "study.yaml", "--set", "inference.optimizer_config.max_iterations=3",
                         "--set", "model.keep=all")
        self.assertEqual(run.returncode, 0, run.stderr)
        shown = json.loads(self.invar("show", "campaign", "--json").stdout)
        self.assertEqual(shown["failed"], 0)
        # What the program was asked and answered, against the formula.
        (directory, *_) = (self.folder / "runs").iterdir()
        params = json.loads((directory / "params.in").read_text())
        excess, log_rate = (variable["value"] for variable in params["variables"])
        found = json.loads((directory / "results.out").read_text())["functions"]
        self.assertEqual(found, [20 + excess * math.exp(-math.exp(log_rate) * t)
                                 for t in (0.0, 0.5, 1.0, 2.0, 4.0)])
        self.assertTrue((directory / "run/input.txt").exists())

    def expect(self, model, answer):
        """What one run of the model gives, as the results of `invar eval` say it."""
        (self.folder / "odd.yaml").write_text(ODD_STUDY.replace("MODEL", model))
        (self.folder / "params.in").write_text(
            "2 variables\n1 a\n2.5 b\n2 functions\n1 ASV_1\n1 ASV_2\n")
        run = self.invar("eval", "params.in", "results.out", "--study", "odd.yaml")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertRegex((self.folder / "results.out").read_text(), answer)

    def test_takes_what_run_vi_takes(self):
        for model in ("fine", "array", "no_code", "Odd", "odd"):
            with self.subTest(model):
                self.expect(model, r"^ *1\.0{16}e\+00\n *2\.0{16}e\+00\n$")

    def test_tells_failures_apart(self):
        for model, status, part in (
                ("failed", "model_failed", "run_model returned 1"),
                ("throws", "crashed", "ValueError: no mesh"),
                ("leaves", "crashed", "exit code 3"),
                ("nan", "non_finite", "QoI 1 is nan"),
                ("short", "bad_output", "expected 2 numbers, found 1"),
                ("long", "bad_output", "expected 2 numbers, found 3"),
                ("square", "bad_output", "expected a number"),
                ("scalar", "bad_output", "expected numbers under"),
                ("none", "bad_output", "expected numbers under"),
                ("no_model", "crashed", "has no populate_run_directory, run_model, compute_qoi"),
                ("missing", "crashed", "there is no model odd:missing")):
            with self.subTest(model):
                self.expect(model, f"^FAIL {status}: .*{part}")


class Server(Folder):
    @contextlib.contextmanager
    def serving(self, model, *options, num_qois=2):
        command = [sys.executable, "serve_run_vi_model.py", "umbridge", model, "--parameters", "a,b",
                   "--qois", str(num_qois), "--port", "0", *options]
        server = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)
        try:
            port = int(re.fullmatch(r"listening on http://127.0.0.1:(\d+)\n",
                                    server.stdout.readline()).group(1))
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port,
                                                               timeout=20)) as connection:
                yield connection
        finally:
            server.send_signal(signal.SIGTERM)
            self.assertEqual(server.wait(10), 0)
            server.stdout.close()

    @staticmethod
    def ask(connection, path, body, method="POST"):
        connection.request(method, path, body if isinstance(body, (str, bytes)) else json.dumps(body))
        response = connection.getresponse()
        return response.status, json.loads(response.read())

    def expect_error(self, connection, path, body, status, kind, part=""):
        found, answer = self.ask(connection, path, body)
        self.assertEqual((found, answer["error"]["type"]), (status, kind), answer)
        self.assertEqual(set(answer), {"error"})
        self.assertIn(part, answer["error"]["message"])

    def test_describes_its_model(self):
        with self.serving("odd:fine") as connection:
            self.assertEqual(self.ask(connection, "/Info", "", "GET"),
                             (200, {"protocolVersion": 1.0, "models": ["forward"]}))
            self.assertEqual(self.ask(connection, "/InputSizes", {"name": "forward"}),
                             (200, {"inputSizes": [2]}))
            self.assertEqual(self.ask(connection, "/OutputSizes", {"name": "forward", "config": {}}),
                             (200, {"outputSizes": [2]}))
            self.assertEqual(self.ask(connection, "/ModelInfo", {"name": "forward"}),
                             (200, {"support": {"Evaluate": True, "Gradient": False,
                                                "ApplyJacobian": False, "ApplyHessian": False}}))

    def test_evaluates_again_and_again_on_one_connection_without_delay(self):
        with self.serving("odd:array") as connection:
            begin = time.monotonic()
            for _ in range(50):
                self.assertEqual(
                    self.ask(connection, "/Evaluate", {"name": "forward", "input": [[1, 2.5]]}),
                    (200, {"output": [[1.0, 2.0]]}))
            self.assertLess(time.monotonic() - begin, 50 * 0.04)  # of a delayed acknowledgement
            self.assertEqual(os.listdir(self.folder / "runs"), [])

    def test_gives_the_very_numbers_of_the_example(self):
        shutil.move(self.folder / "model.py", self.folder / "cooling.py")
        with self.serving("cooling:CoolingRod", "--parameters", "excess,log_rate",
                          num_qois=5) as connection:
            status, answer = self.ask(connection, "/Evaluate",
                                      {"name": "forward", "input": [[70.1, -0.3]]})
        self.assertEqual(status, 200, answer)
        self.assertEqual(answer["output"], [[20 + 70.1 * math.exp(-math.exp(-0.3) * t)
                                             for t in (0.0, 0.5, 1.0, 2.0, 4.0)]])

    def test_refuses_what_is_no_question(self):
        good = {"name": "forward", "input": [[1, 2]]}
        with self.serving("odd:fine") as connection:
            for body, part in (
                    ("", "JSON"), ("{", "JSON"), ("[1]", "JSON object"), ("[" * 100000, "JSON"),
                    (b"\xff\xfe", "JSON"),
                    ({"name": "forward"}, "one input vector"),
                    ({**good, "input": 1}, "one input vector"),
                    ({**good, "input": []}, "one input vector"),
                    ({**good, "input": [[1, 2], [3]]}, "one input vector"),
                    ({**good, "input": [[1]]}, "expected 2 numbers"),
                    ({**good, "input": [[1, 2, 3]]}, "expected 2 numbers"),
                    ({**good, "input": [[1, "2"]]}, "finite numbers"),
                    ({**good, "input": [[1, None]]}, "finite numbers"),
                    ({**good, "input": [[1, True]]}, "finite numbers"),
                    ('{"name": "forward", "input": [[1, NaN]]}', "finite numbers")):
                with self.subTest(str(body)[:40]):
                    self.expect_error(connection, "/Evaluate", body, 400, "InvalidInput", part)
            for path in ("/Evaluate", "/ModelInfo", "/InputSizes", "/OutputSizes", "/Gradient"):
                self.expect_error(connection, path, {**good, "name": "other"}, 400, "ModelNotFound")
            for path in ("/Gradient", "/ApplyJacobian", "/ApplyHessian"):
                self.expect_error(connection, path, good, 400, "UnsupportedFeature")
            self.expect_error(connection, "/Nothing", good, 404, "InvalidInput")
            connection.putrequest("POST", "/Evaluate")
            connection.putheader("Content-Length", "999999999999")
            connection.endheaders()
            self.assertEqual(connection.getresponse().status, 400)
            connection.close()
            self.assertEqual(self.ask(connection, "/Evaluate", good)[0], 200)

    def test_says_how_the_model_failed_and_goes_on(self):
        good = {"name": "forward", "input": [[1, 2]]}
        for model, part in (("failed", "run_model returned 1"), ("throws", "ValueError: no mesh"),
                            ("leaves", "SystemExit"), ("nan", "number 1 is nan"),
                            ("short", "expected 2 numbers, found 1"),
                            ("long", "expected 2 numbers, found 3"),
                            ("square", "number 0 is [1.0, 2.0]"),
                            ("scalar", "expected 2 numbers, found 1.0"),
                            ("text", "expected 2 numbers, found '12'"),
                            ("none", "found None")):
            with self.subTest(model), self.serving(f"odd:{model}") as connection:
                for _ in range(2):
                    self.expect_error(connection, "/Evaluate", good, 500, "InvalidOutput", part)
                self.assertEqual(len(os.listdir(self.folder / "runs")), 2)
            shutil.rmtree(self.folder / "runs")

    def test_runs_as_many_at_a_time_as_it_may(self):
        good = {"name": "forward", "input": [[1, 2]]}
        with self.serving("odd:slow", "--concurrency", "4") as first:
            connections = [http.client.HTTPConnection(first.host, first.port, timeout=20)
                           for _ in range(4)]
            begin = time.monotonic()
            answers = []
            threads = [threading.Thread(
                target=lambda one=one: answers.append(self.ask(one, "/Evaluate", good)))
                for one in connections]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for connection in connections:
                connection.close()
            self.assertEqual(answers, [(200, {"output": [[1.0, 2.0]]})] * 4)
            self.assertLess(time.monotonic() - begin, 1.9)  # one by one it is 2 s

    def test_survives_clients_that_leave(self):
        good = {"name": "forward", "input": [[1, 2]]}
        with self.serving("odd:slow") as connection:
            for text in (b"", b"POST /Eval", b"nonsense\r\n\r\n",
                         b"POST /Evaluate HTTP/1.1\r\nContent-Length: 100\r\n\r\n{"):
                with contextlib.closing(http.client.HTTPConnection(
                        connection.host, connection.port)) as rude:
                    rude.connect()
                    rude.sock.sendall(text)
            with contextlib.closing(http.client.HTTPConnection(
                    connection.host, connection.port)) as rude:
                rude.request("POST", "/Evaluate", json.dumps(good))
            self.assertEqual(self.ask(connection, "/Evaluate", good)[0], 200)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
