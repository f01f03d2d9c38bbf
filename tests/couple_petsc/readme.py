"""Holds the diff in jobs/couple-petsc/README.md against the two sources, or renews it.

usage: readme.py SOURCE_DIRECTORY [--write]

The part that gives derivatives is left out of what is shown.
"""
import difflib
import pathlib
import re
import sys

job = pathlib.Path(sys.argv[1]) / "jobs/couple-petsc"
before, after = ((job / name).read_text(encoding="utf-8").splitlines() for name in ("spread.cpp", "spread_model.cpp"))
first = after.index("// Derivatives, as far as they are wanted: the rest works without this part.")
last = after.index("// End of the derivatives.")
shown = after[:first] + after[last + 2:]
diff = "\n".join(line.rstrip() for line in difflib.unified_diff(
    before, shown, "spread.cpp", "spread_model.cpp", n=1, lineterm=""))
num_lines = sum(line[0] in "+-" and line[:3] not in ("+++", "---") for line in diff.splitlines() if line)
assert num_lines <= 120, f"{num_lines} lines differ: that is no short diff any more"

path = job / "README.md"
text = path.read_text(encoding="utf-8")
renewed, count = re.subn(
    "(<!-- begin diff -->\n).*?(<!-- end diff -->)",
    lambda match: f"{match.group(1)}```diff\n{diff}\n```\n{match.group(2)}", text, flags=re.DOTALL)
assert count == 1, "README.md has no part `diff`"
renewed, count = re.subn(r"\d+ lines of difference", f"{num_lines} lines of difference", renewed)
assert count == 1, "README.md does not say how many lines differ"
renewed, count = re.subn(r"\d+ lines of derivatives", f"{last - first} lines of derivatives", renewed)
assert count == 1, "README.md does not say how many lines give derivatives"
if "--write" in sys.argv:
    path.write_text(renewed, encoding="utf-8")
elif renewed != text:
    sys.exit("jobs/couple-petsc/README.md is not up to date: run tests/couple_petsc/readme.py . --write")
print("jobs/couple-petsc/README.md is up to date")
