"""Holds the listings of jobs/couple-program/README.md against the files that the tests run.

usage: listings.py SOURCE_DIRECTORY
"""
import pathlib
import re
import sys

folder = pathlib.Path(sys.argv[1]) / "jobs/couple-program"
text = (folder / "README.md").read_text(encoding="utf-8")
listings = re.findall(r"<!-- (?:file|lines of) (\S+?)(?:: \w+)? -->\n```\w*\n(.*?)```", text, re.DOTALL)
assert len(listings) == 4, f"expected 4 listings, found {len(listings)}"
for name, listing in listings:
    if listing not in (folder / name).read_text(encoding="utf-8"):
        sys.exit(f"README.md shows something else than {name}")
print("the listings are those of the files")
