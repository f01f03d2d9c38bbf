"""Holds the listings of the READMEs of jobs against the files that the tests run.

usage: listings.py SOURCE_DIRECTORY
"""
import pathlib
import re
import sys

NUM_LISTINGS = {"couple-program": 5, "dakota-driver": 2, "from-run-vi": 2}

for job, num_listings in NUM_LISTINGS.items():
    folder = pathlib.Path(sys.argv[1]) / "jobs" / job
    text = (folder / "README.md").read_text(encoding="utf-8")
    listings = re.findall(r"<!-- (?:file|lines of) (\S+?)(?:: \w+)? -->\n```\w*\n(.*?)```", text, re.DOTALL)
    assert len(listings) == num_listings, f"{job}: expected {num_listings} listings, found {len(listings)}"
    for name, listing in listings:
        if listing not in (folder / name).read_text(encoding="utf-8"):
            sys.exit(f"jobs/{job}/README.md shows something else than {name}")
print("the listings are those of the files")
