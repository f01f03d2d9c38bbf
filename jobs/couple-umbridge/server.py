"""A model as a UM-Bridge server, without any package: a spring that swings and comes to rest.

usage: server.py [PORT]
"""
import json
import math
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TIMES = [0.5 * i for i in range(1, 13)]


def positions(parameters):
    """Where the mass is at each time; parameters log(frequency) and log(damping)."""
    frequency, damping = math.exp(parameters[0]), math.exp(parameters[1])
    return [math.exp(-damping * t) * math.cos(frequency * t) for t in TIMES]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections
    disable_nagle_algorithm = True  # answers at once
    wbufsize = -1

    def answer(self, body):
        if self.path == "/Info":
            return {"protocolVersion": 1.0, "models": ["forward"]}
        if self.path == "/ModelInfo":
            return {"support": {"Evaluate": True}}
        if self.path == "/InputSizes":
            return {"inputSizes": [2]}
        if self.path == "/OutputSizes":
            return {"outputSizes": [len(TIMES)]}
        return {"output": [positions(body["input"][0])]}

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length) or "{}")
        try:
            status, reply = 200, self.answer(body)
        except Exception as error:  # this run failed, the campaign goes on
            status, reply = 500, {"error": {"type": "InvalidOutput", "message": str(error)}}
        text = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 4242), Handler)
print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
