"""Holds the README's generated parts against their sources, or renews them.

usage: readme.py SOURCE_DIRECTORY INVAR [--write]

Between `<!-- begin NAME -->` and `<!-- end NAME -->` stand: `keys`, what `invar explain --markdown`
prints, and `study`, the lynx-hare job's study.
"""
import pathlib
import re
import subprocess
import sys

root = pathlib.Path(sys.argv[1])
keys = subprocess.run(
    [sys.argv[2], "explain", "--markdown"], check=True, capture_output=True, text=True
).stdout
study = (root / "jobs/lynx-hare/study.yaml").read_text(encoding="utf-8")
parts = {"keys": keys.strip(), "study": f"```yaml\n{study.strip()}\n```"}

path = root / "README.md"
text = path.read_text(encoding="utf-8")
renewed = text
for name, content in parts.items():
    renewed, count = re.subn(
        f"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)",
        lambda match: match.group(1) + content + "\n" + match.group(2),
        renewed,
        flags=re.DOTALL,
    )
    assert count == 1, f"README.md has no part {name}"
if "--write" in sys.argv:
    path.write_text(renewed, encoding="utf-8")
elif renewed != text:
    sys.exit("README.md is not up to date: run tests/readme.py . build/release/bin/invar --write")
print("README.md is up to date")
