#!/usr/bin/env python3
import json, sys

MATRIX = [[1, 0], [1, 1], [1, 2], [1, 3]]

params, results = sys.argv[1:]
theta = [v["value"] for v in json.load(open(params))["variables"]]
q = [sum(a * t for a, t in zip(row, theta)) for row in MATRIX]
json.dump({"functions": q}, open(results, "w"))
