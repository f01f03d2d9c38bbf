"""Runs what jobs/couple-umbridge/README.md shows, and holds its listings against the files.

usage: example.py SOURCE_DIRECTORY INVAR
"""
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

folder, invar = pathlib.Path(sys.argv[1]) / "jobs/couple-umbridge", sys.argv[2]
readme = (folder / "README.md").read_text(encoding="utf-8")
listings = re.findall(r"<!-- begin (\S+) -->\n```\w+\n(.*?)\n```\n<!-- end \1 -->", readme, re.DOTALL)
assert len(listings) == 3, [name for name, _ in listings]
for name, text in listings:
    assert text == (folder / name).read_text(encoding="utf-8").strip(), f"{name} is not as shown"


def start(*command):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    return process, re.search(r"http://\S+", process.stdout.readline()).group()


def ask(url):
    command = [sys.executable, folder / "ask.py", url, "0.5", "-1.5"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


server, url = start(sys.executable, str(folder / "server.py"), "0")
again = None
try:
    there = f"model.url={url}"
    with tempfile.TemporaryDirectory() as scratch:
        campaign = scratch + "/campaign"
        study = str(folder / "study.yaml")
        subprocess.run(
            [invar, "run", study, "--set", there, "--campaign", campaign], check=True, timeout=60
        )
        shown = subprocess.run(
            [invar, "show", campaign, "--json"], check=True, capture_output=True, text=True
        )
    posterior = json.loads(shown.stdout)["posterior"]
    for truth, mean, std in zip((0.642, -1.897), posterior["mean"], posterior["std"]):
        assert abs(mean - truth) < 3 * std < 1.0, posterior
    # The other way: what is served is what the server behind it says, to the bit.
    again, served = start(invar, "serve", study, "--set", there, "--port", "0")
    direct = ask(url)
    assert len(direct) == 12 and ask(served) == direct
    again.send_signal(signal.SIGTERM)
    assert again.wait(10) == 0
finally:
    server.kill()
    if again is not None:
        again.kill()
print("the example is as shown")
