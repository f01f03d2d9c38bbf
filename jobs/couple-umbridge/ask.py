"""Asks a UM-Bridge server for one run of its model.

usage: ask.py URL NUMBER...
"""
import json
import sys
import urllib.request

url, parameters = sys.argv[1], [float(word) for word in sys.argv[2:]]
request = {"name": "forward", "input": [parameters], "config": {}}
with urllib.request.urlopen(url + "/Evaluate", json.dumps(request).encode()) as response:
    print(json.load(response)["output"][0])
