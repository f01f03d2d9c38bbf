"""Clients that mean no good, of the standard library alone; the model takes 3 numbers and gives 6.

usage: clients.py PORT PROCESS CONNECTIONS

After each round the server answers as ever; after two rounds it has no more threads and descriptors
than after the first.
"""
import http.client
import json
import os
import random
import socket
import sys
import time

port, process, num_connections = (int(word) for word in sys.argv[1:4])
GOOD = json.dumps({"name": "forward", "input": [[1.0, 1.1, 0.9]]})


def ask(path, body, headers=None, connection=None):
    own = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    own.request("POST", path, body, headers or {})
    response = own.getresponse()
    text = response.read()
    if connection is None:
        own.close()
    return response.status, json.loads(text)


def expect(status, kind, answer):
    assert answer[0] == status, answer
    assert set(answer[1]) == {"error"} and answer[1]["error"]["type"] == kind, answer


def expect_good(connection=None):
    status, body = ask("/Evaluate", GOOD, connection=connection)
    assert status == 200 and len(body["output"][0]) == 6, (status, body)


def raw():
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def broken_bodies():
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for body in ("", "{", "[" * 100000, '{"name": "forward", "input": [[1,', "\x00\xff", "null"):
        expect(400, "InvalidInput", ask("/Evaluate", body.encode("latin-1"), connection=connection))
    deep = "[" * 400000 + "]" * 400000
    for body in ('{"name": ' + deep + "}", '{"name": "forward", "input": ' + deep + "}"):
        expect(400, "InvalidInput", ask("/Evaluate", body, connection=connection))
    expect(400, "ModelNotFound", ask("/Evaluate", "{}", connection=connection))
    for kind in ("application/x-www-form-urlencoded", "text/plain", "image/png"):
        assert ask("/Evaluate", GOOD, {"Content-Type": kind}, connection)[0] == 200
    expect_good(connection)
    connection.close()


def long_arrays():
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    numbers = "1," * (10**7 - 1) + "1"
    body = '{"name": "forward", "input": [[' + numbers + "]]}"
    expect(413, "InvalidInput", ask("/Evaluate", body, connection=connection))
    expect_good(connection)
    chunks = (b'{"name": "forward", "input": [[' if i == 0 else b"1," * 50000 for i in range(100))
    connection.request("POST", "/Evaluate", chunks, encode_chunked=True)
    response = connection.getresponse()
    expect(413, "InvalidInput", (response.status, json.loads(response.read())))
    expect_good(connection)
    connection.close()


def torn_requests():
    for data in (
        b"",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        b"POST /Evaluate HTTP/1.1\r\nContent-Length: 1000\r\n\r\n{",
        b"POST /Evaluate HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n",
        random.Random(3).randbytes(20000),
    ):
        with raw() as connection:
            try:
                connection.sendall(data)
            except OSError:
                pass
        expect_good()
    request = b"POST /Evaluate HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(GOOD) + GOOD.encode()
    for _ in range(50):  # gone before the answer comes
        with raw() as connection:
            connection.sendall(request)
    expect_good()


def many_connections():
    connections = [raw() for _ in range(num_connections)]
    request = b"POST /Evaluate HTTP/1.1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    for connection in connections:
        connection.sendall(request % len(GOOD) + GOOD.encode())
    for connection in connections:
        answer = b""
        while True:
            more = connection.recv(65536)
            if not more:
                break
            answer += more
        assert b" 200 " in answer.split(b"\r\n")[0], answer
        connection.close()


def count(folder):
    return len(os.listdir(f"/proc/{process}/{folder}"))


def settled(folder, at_most):
    """Connections that were left in the middle are held until a timeout."""
    for _ in range(300):
        if count(folder) <= at_most:
            break
        time.sleep(0.05)
    return count(folder)


descriptors = count("fd")
for step in (broken_bodies, long_arrays, torn_requests, many_connections):
    step()
    expect_good()
assert settled("fd", descriptors) <= descriptors, (descriptors, os.listdir(f"/proc/{process}/fd"))
threads = count("task")
for step in (broken_bodies, torn_requests, many_connections):
    step()
    expect_good()
assert settled("fd", descriptors) <= descriptors
assert count("task") <= max(threads, min(num_connections, 256) + 8), (threads, count("task"))
print("served as ever")
