#!/usr/bin/env python3
"""Serves a model as run_vi of rom-tools has it - populate_run_directory(directory, parameters),
run_model(directory, parameters), compute_qoi(directory, parameters) - to Invar and others, unchanged.

usage: serve_run_vi_model.py process MODULE:OBJECT params.in results.out
       serve_run_vi_model.py umbridge MODULE:OBJECT --parameters a,b,c --qois N [--port P] [...]

MODULE is found beside this script, in the current directory, or on PYTHONPATH; OBJECT is the model, or
a class or function that gives it when it is called without arguments.

process: one run, with parameters from and results to JSON files, as a program of Invar
         (`model: {type: process, parameters: json, results: json}`) or of Dakota.
umbridge: a server with one model, for the clients of UM-Bridge; ends at SIGTERM or SIGINT.
"""
import argparse
import importlib
import json
import math
import os
import shutil
import signal
import socketserver
import sys
import tempfile
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

METHODS = ("populate_run_directory", "run_model", "compute_qoi")
LARGEST_BODY = 1 << 28


class RunFailed(Exception):
    """The model says that it failed, or gave something that is no answer."""


def find_model(name):
    """The object that MODULE:OBJECT names; the current directory becomes that of the module."""
    module_name, separator, path = name.partition(":")
    if not separator:
        sys.exit(f"expected MODULE:OBJECT, found {name}")
    sys.path.append(os.getcwd())
    try:
        found = importlib.import_module(module_name)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        sys.exit(f"there is no model {name}: {error}")
    # A class has the methods too, but is not the object that they want.
    if isinstance(found, type) or (callable(found) and not hasattr(found, METHODS[0])):
        found = found()
    missing = [method for method in METHODS if not callable(getattr(found, method, None))]
    if missing:
        sys.exit(f"{name} has no {', '.join(missing)}")
    return found


def run(model, directory, parameters):
    """One evaluation, as run_vi does it; what compute_qoi gave, as lists and numbers."""
    model.populate_run_directory(directory, parameters)
    code = model.run_model(directory, parameters)
    if code is not None and code != 0:  # run_vi goes on; its protocol says that this is a failure
        raise RunFailed(f"run_model returned {code}")
    qoi = model.compute_qoi(directory, parameters)
    return qoi.tolist() if hasattr(qoi, "tolist") else qoi


def run_as_process(model, arguments):
    """One run in the directory where this was started. An exception of the model ends the process."""
    with open(arguments.params, encoding="utf-8") as file:
        request = json.load(file)
    parameters = {entry["label"]: float(entry["value"]) for entry in request["variables"]}
    results = os.path.abspath(arguments.results)
    directory = os.path.join(os.path.dirname(results), "run")
    try:
        os.mkdir(directory)
    except FileExistsError:  # runs share the directory, as they may under Dakota
        directory = tempfile.mkdtemp(prefix="run_", dir=os.path.dirname(results))
    go_home(arguments.home)
    try:
        qoi = run(model, directory, parameters)
        answer = {"functions": list(qoi) if isinstance(qoi, tuple) else qoi}
    except RunFailed as failure:
        answer = {"fail": True, "message": str(failure)}
    # What is no list of numbers is said as it is: whoever reads it says what is wrong with it.
    text = json.dumps(answer, default=repr)
    with open(results + ".tmp", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(results + ".tmp", results)


def go_home(directory):
    """A model that opens files beside itself finds them, as it does when its author runs it."""
    os.chdir(directory)


class Refusal(Exception):
    """An answer that is an error object."""

    def __init__(self, status, kind, message):
        super().__init__(message)
        self.status, self.kind = status, kind


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


class Service:
    """The model behind the protocol: what may be asked, and how many runs there are at a time."""

    def __init__(self, model, arguments):
        self.model = model
        self.names = arguments.parameters.split(",")
        self.num_qois = arguments.qois
        self.name = arguments.name
        self.keeps_all = arguments.keep == "all"
        self.slots = threading.BoundedSemaphore(arguments.concurrency)
        self.work_directory = os.path.abspath(arguments.work_directory)
        os.makedirs(self.work_directory, exist_ok=True)

    def answer(self, path, request):
        """The answer to a POST. Checks come in the protocol's order: model, operation, sizes."""
        operations = {"/ModelInfo": self.info, "/InputSizes": self.input_sizes,
                      "/OutputSizes": self.output_sizes, "/Evaluate": self.evaluate,
                      "/Gradient": self.unsupported, "/ApplyJacobian": self.unsupported,
                      "/ApplyHessian": self.unsupported}
        if path not in operations:
            raise Refusal(404, "InvalidInput", f"there is no {path}")
        if not isinstance(request, dict):
            raise Refusal(400, "InvalidInput", "expected a JSON object")
        if request.get("name") != self.name:
            raise Refusal(400, "ModelNotFound",
                          f"expected the model {self.name}, found {request.get('name')}")
        return operations[path](request)

    def info(self, _):
        return {"support": {"Evaluate": True, "Gradient": False, "ApplyJacobian": False,
                            "ApplyHessian": False}}

    def input_sizes(self, _):
        return {"inputSizes": [len(self.names)]}

    def output_sizes(self, _):
        return {"outputSizes": [self.num_qois]}

    def unsupported(self, _):
        raise Refusal(400, "UnsupportedFeature", "the model gives no derivatives")

    def evaluate(self, request):
        vectors = request.get("input")
        if not isinstance(vectors, list) or len(vectors) != 1:
            raise Refusal(400, "InvalidInput", "expected one input vector")
        values = vectors[0]
        if not isinstance(values, list) or len(values) != len(self.names):
            raise Refusal(400, "InvalidInput", f"expected {len(self.names)} numbers")
        if not all(map(is_number, values)):
            raise Refusal(400, "InvalidInput", "expected finite numbers")
        parameters = dict(zip(self.names, map(float, values)))
        with self.slots:
            return {"output": [self.run_and_judge(parameters)]}

    def run_and_judge(self, parameters):
        """The directories of failed runs stay, the others unless they are wanted."""
        directory = tempfile.mkdtemp(prefix="run_", dir=self.work_directory)
        try:
            qoi = run(self.model, directory, parameters)
        except RunFailed as failure:
            raise self.failure(failure, directory) from failure
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            raise self.failure(f"{type(error).__name__}: {error}", directory) from error
        if not isinstance(qoi, (list, tuple)) or len(qoi) != self.num_qois:
            raise self.failure(f"compute_qoi: expected {self.num_qois} numbers, found "
                               f"{len(qoi) if isinstance(qoi, (list, tuple)) else repr(qoi)[:80]}",
                               directory)
        for i, value in enumerate(qoi):
            if not is_number(value):
                raise self.failure(f"compute_qoi: number {i} is {repr(value)[:80]} (counted from 0)",
                                   directory)
        if not self.keeps_all:
            shutil.rmtree(directory, ignore_errors=True)
        return [float(value) for value in qoi]

    @staticmethod
    def failure(reason, directory):
        return Refusal(500, "InvalidOutput", f"{reason} (see {directory})")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are kept
    disable_nagle_algorithm = True  # answers go at once
    wbufsize = -1  # and in one piece
    service = None

    def do_GET(self):
        if self.path == "/Info":
            self.send(200, {"protocolVersion": 1.0, "models": [self.service.name]})
        else:
            self.send_refusal(Refusal(404, "InvalidInput", f"there is no {self.path}"))

    def do_POST(self):
        try:
            self.send(200, self.service.answer(self.path, self.read_json()))
        except Refusal as refusal:
            self.send_refusal(refusal)
        except Exception as error:  # a defect here, not the end of the server
            traceback.print_exc()
            self.send_refusal(Refusal(500, "InvalidOutput", f"{type(error).__name__}: {error}"))

    def read_json(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            self.close_connection = True  # whatever follows is not read
            raise Refusal(400, "InvalidInput", "expected a Content-Length of at most 256 MiB")
        body = self.rfile.read(int(length))
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Refusal(400, "InvalidInput", f"expected JSON: {error}") from error

    def send_refusal(self, refusal):
        self.send(refusal.status, {"error": {"type": refusal.kind, "message": str(refusal)}})

    def send(self, status, answer):
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):  # clients may leave when they like
            socketserver.BaseServer.handle_error(self, request, client_address)


def serve_umbridge(model, arguments):
    Handler.service = Service(model, arguments)
    server = Server((arguments.host, arguments.port), Handler)
    go_home(arguments.home)

    def leave(*_):
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
    print(f"listening on http://{arguments.host}:{server.server_port}", flush=True)
    server.serve_forever(poll_interval=0.1)
    server.server_close()


def read_arguments():
    parser = argparse.ArgumentParser(
        description="Serves a model of run_vi as a program or to UM-Bridge clients.")
    doors = parser.add_subparsers(dest="door", required=True)
    process = doors.add_parser("process", help="one run: JSON in, JSON out")
    umbridge = doors.add_parser("umbridge", help="a server")
    for door in (process, umbridge):
        door.add_argument("model", metavar="MODULE:OBJECT")
    process.add_argument("params", help="the parameters, as Dakota writes them in JSON")
    process.add_argument("results", help="the file to write")
    umbridge.add_argument("--parameters", required=True, help="their names, with commas between")
    umbridge.add_argument("--qois", type=int, required=True, help="how many numbers compute_qoi gives")
    umbridge.add_argument("--name", default="forward", help="of the model (default: %(default)s)")
    umbridge.add_argument("--host", default="127.0.0.1", help="(default: %(default)s)")
    umbridge.add_argument("--port", type=int, default=int(os.environ.get("PORT", 4242)),
                          help="0 for any that is free (default: PORT, or 4242)")
    umbridge.add_argument("--concurrency", type=int, default=1,
                          help="runs at a time, in threads (default: %(default)s)")
    umbridge.add_argument("--work-directory", default="runs", help="(default: %(default)s)")
    umbridge.add_argument("--keep", choices=("failed", "all"), default="failed",
                          help="directories of which runs stay (default: %(default)s)")
    return parser.parse_args()


def main():
    arguments = read_arguments()
    model = find_model(arguments.model)
    module = sys.modules[arguments.model.partition(":")[0]]
    arguments.home = os.path.dirname(os.path.abspath(getattr(module, "__file__", None) or "."))
    if arguments.door == "process":
        run_as_process(model, arguments)
    else:
        serve_umbridge(model, arguments)


if __name__ == "__main__":
    main()
