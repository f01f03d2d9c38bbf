"""Copies a compile_commands.json without the flags that clang-tidy 14 does not understand."""
import json
import re
import sys

source, target = sys.argv[1:]
with open(source, encoding="utf-8") as file:
    commands = json.load(file)
for command in commands:
    command["command"] = re.sub(
        r"-Winvalid-pch|-include \S*cmake_pch\S*", "", command["command"]
    )
with open(target, "w", encoding="utf-8") as file:
    json.dump(commands, file)
