"""A UM-Bridge server for tests, of the standard library alone, that can do wrong on purpose.

usage: server.py [port]

Prints its port. Ends when its standard input does. The model `forward` takes vectors of 2 and 1 and
gives vectors of 2 and 3:

    f(x, y) = (sin x0 + y, x0 x1), (x1^2, y^3, 1/3 x0)

A fault is asked for in the path, in front of the protocol's: /fault/NAME/Evaluate.
"""
import json
import math
import os
import socket
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SIZES_IN, SIZES_OUT = [2, 1], [2, 3]
counts = {}
lock = threading.Lock()


def evaluate(inputs):
    (x0, x1), (y,) = inputs
    return [[math.sin(x0) + y, x0 * x1], [x1 * x1, y**3, x0 / 3]]


def jacobian(inputs, out, which):
    (x0, x1), (y,) = inputs
    blocks = {
        (0, 0): [[math.cos(x0), 0.0], [x1, x0]],
        (0, 1): [[1.0], [0.0]],
        (1, 0): [[0.0, 2 * x1], [0.0, 0.0], [1 / 3, 0.0]],
        (1, 1): [[0.0], [3 * y * y], [0.0]],
    }
    return blocks[(out, which)]


def answer(path, body):
    if path == "/Info":
        return {"protocolVersion": 1.0, "models": ["forward", "other"]}
    if path == "/ModelInfo":
        can = {"Evaluate": True, "Gradient": True, "ApplyJacobian": True, "ApplyHessian": False}
        return {"support": can}
    if path == "/InputSizes":
        return {"inputSizes": SIZES_IN}
    if path == "/OutputSizes":
        return {"outputSizes": SIZES_OUT}
    if path == "/Evaluate":
        return {"output": evaluate(body["input"])}
    block = jacobian(body["input"], body["outWrt"], body["inWrt"])
    if path == "/Gradient":
        columns = zip(*block)
        return {"output": [sum(a * b for a, b in zip(body["sens"], c)) for c in columns]}
    return {"output": [sum(a * b for a, b in zip(row, body["vec"])) for row in block]}


# What a fault answers instead: text as it stands, or an object.
BODIES = {
    "empty": "",
    "torn": '{"output": [[1.0, 2.0], [3.0, 4',
    "html": "<html>Not here</html>",
    "list": "[1, 2, 3]",
    "no-output": {"result": 1},
    "null": {"output": [[1.0, None], [1, 2, 3]]},
    "text": {"output": [[1.0, "two"], [1, 2, 3]]},
    "truth": {"output": [[1.0, True], [1, 2, 3]]},
    "nested": {"output": [[1.0, [2.0]], [1, 2, 3]]},
    "flat": {"output": [1.0, 2.0, 1, 2, 3]},
    "short": {"output": [[1.0], [1, 2, 3]]},
    "long": {"output": [[1.0, 2.0, 3.0], [1, 2, 3]]},
    "one-list": {"output": [[1.0, 2.0]]},
    "three-lists": {"output": [[1.0, 2.0], [1, 2, 3], []]},
    "nan": {"output": [[1.0, float("nan")], [1, 2, 3]]},
    "infinity": {"output": [[1.0, 2.0], [1, float("-inf"), 3]]},
    "huge": '{"output": [[1.0, 1e999], [1, 2, 3]]}',
    "deep": "[" * 100000,
    "closed-deep": "[" * 100000 + "]" * 100000,
    "latin": b'{"output": "\xe9\xff"}',
    "error-in-200": {"error": {"type": "InvalidOutput", "message": "no convergence"}},
}
# Faults of the introduction: (path, answer)
INTRODUCTIONS = {
    "sizes-deep": ("/InputSizes", '{"inputSizes": ' + "[" * 100000 + "]" * 100000 + "}"),
    "version": ("/Info", {"protocolVersion": 0.9, "models": ["forward"]}),
    "no-version": ("/Info", {"models": ["forward"]}),
    "no-models": ("/Info", {"protocolVersion": 1.0, "models": []}),
    "version-text": ("/Info", {"protocolVersion": "1.0", "models": ["forward"]}),
    "no-evaluate": ("/ModelInfo", {"support": {"Gradient": True}}),
    "support-list": ("/ModelInfo", {"support": []}),
    "evaluate-only": ("/ModelInfo", {"support": {"Evaluate": True}}),
    "gradient-only": ("/ModelInfo", {"support": {"Evaluate": True, "Gradient": True}}),
    "sizes-zero": ("/InputSizes", {"inputSizes": [2, 0]}),
    "sizes-empty": ("/InputSizes", {"inputSizes": []}),
    "sizes-text": ("/InputSizes", {"inputSizes": "three"}),
    "sizes-half": ("/OutputSizes", {"outputSizes": [2.5]}),
    "sizes-huge": ("/OutputSizes", {"outputSizes": [1e300]}),
    "sizes-none": ("/OutputSizes", {}),
    "other-sizes": ("/InputSizes", {"inputSizes": [4]}),
}
STATUS = {  # fault: (HTTP status, body, more headers)
    "500": (500, {"error": {"type": "InvalidOutput", "message": "the solver diverged"}}, {}),
    "500-empty": (500, "", {}),
    "500-what": (500, "", {"EXCEPTION_WHAT": "a pivot is zero"}),
    "400": (400, {"error": {"type": "InvalidInput", "message": "too hot"}}, {}),
    "404": (404, "<html>what?</html>", {}),
    "503": (503, {"error": {"type": "Busy", "message": "the queue is full"}}, {}),
    "302": (302, "", {"Location": "/elsewhere"}),
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        pass

    def reply(self, body, status=200, headers=None, length=None):
        if not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        data = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(length or len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def reset(self):
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True
        self.connection.close()

    def trickle(self):
        """Never silent for long and never at an end."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Wait: ")
        for _ in range(600):
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.05)

    def flood(self):
        self.send_response(200)
        self.send_header("Content-Length", str(1 << 40))
        self.end_headers()
        while True:
            self.wfile.write(b"1" * 65536)

    def handle_one(self):
        size = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(size)) if size else {}
        path, fault = self.path, ""
        if path.startswith("/fault/"):
            _, _, fault, operation = path.split("/", 3)
            path = "/" + operation
        fault = body.get("config", {}).get("fault", fault)
        with lock:
            count = counts[fault] = counts.get(fault, 0) + (path == "/Evaluate")
        if path == "/count":
            return self.reply({"count": counts.get(fault, 0)})
        if INTRODUCTIONS.get(fault, ("", ""))[0] == path:
            return self.reply(INTRODUCTIONS[fault][1])
        if path != "/Evaluate" or not fault:
            if fault.startswith("late-start"):
                time.sleep(30)
            return self.reply(answer(path, body))
        if fault in BODIES:
            return self.reply(BODIES[fault])
        if fault in STATUS:
            status, text, headers = STATUS[fault]
            return self.reply(text, status, headers)
        if fault == "stall":
            time.sleep(30)
        elif fault == "trickle":
            return self.trickle()
        elif fault == "flood":
            return self.flood()
        elif fault == "half":
            self.reply('{"output": [[1, 2]', length=1000)
            return self.reset()
        elif fault == "close":
            return self.reset()
        elif fault == "status-line":
            self.wfile.write(b"HTTP/1.1 200 " + b"a" * 1000000 + b"\r\nContent-Length: 2\r\n\r\n{}")
            self.close_connection = True
            return None
        elif fault == "early-hint":  # a head before the answer's own
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        elif fault == "garbage":
            self.wfile.write(b"\x00\x01\x02 not HTTP at all\r\n\r\n")
            self.close_connection = True
            return None
        elif fault == "recovers" and count % 3 != 0:  # two of three attempts fail
            return self.reset()
        elif fault == "closes-after":
            self.close_connection = True  # without saying so
        elif fault == "old":
            return self.reply(answer(path, body), headers={"Connection": "close"})
        elif fault == "die":
            os._exit(1)
        return self.reply(answer(path, body))

    def do_GET(self):
        try:
            self.handle_one()
        except (OSError, ValueError):
            self.close_connection = True

    do_POST = do_GET


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        pass


def main():
    server = Server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), Handler)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.buffer.read()
    os._exit(0)


main()
