#!/usr/bin/env python3
"""A1 exp(-k1 t) + A2 exp(-k2 t) at twelve times, for `model: {type: process, batch: ...}`."""

import json
import math
import sys

TIMES = [0.1 + k * 3.9 / 11 for k in range(12)]


def run(parameters):
    a1, k1, a2, k2 = (variable["value"] for variable in parameters["variables"])
    return {"functions": [a1 * math.exp(-k1 * t) + a2 * math.exp(-k2 * t) for t in TIMES]}


with open(sys.argv[1], encoding="utf-8") as file:
    asked = json.load(file)
answers = [run(one) for one in asked] if isinstance(asked, list) else run(asked)
with open(sys.argv[2], "w", encoding="utf-8") as file:
    json.dump(answers, file)
