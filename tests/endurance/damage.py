#!/usr/bin/env python3
"""Truncates files of campaigns and flips bytes in them; then `show`, `resume` and `pack`.

    damage.py BUILD_FOLDER [--only WORD]     WORD: part of "STATE FILE"

A finished, a stopped and a killed campaign; each file cut at 20 places and with one byte changed at
50 (a tenth of them at a tenth of the full length). Allowed is the right answer, or a refusal: a
documented exit code and a message that names the file. `show` may leave out what it cannot read when
it says so. Never a signal, never another answer without a word.
"""

import json
import random
import shutil
import sys
import time

from campaigns import Lab, must, scale

# What says that a campaign cannot be used: no input, data, I/O, configuration.
REFUSALS = {65, 66, 74, 78}

# The files to damage, by their place in the campaign. At most so many of each: the first and last.
FILES = [("status.json", 1), ("campaign.h5", 1), ("journal/*", 1), ("history/*", 2),
         ("restart/*", 2), ("study.yaml", 1), ("data/*", 1), ("failed/*/*", 1), ("log.txt", 1),
         ("lock", 1)]


def make_finished(lab, campaign):
    lab.run(campaign).must_finish()


def make_stopped(lab, campaign):
    result = lab.run(campaign, "--stop-after", "4")
    must(result.exit_code == 75, f"the stop ended with {result.exit_code}: {result.err}")


def make_killed(lab, campaign):
    """Two closed segments, and the rest in the journal, which ends in the middle of a record."""
    lab.run(campaign, "--stop-after", "2")
    result = lab.invar("resume", campaign, "--set", "campaign.segment_seconds=1000",
                       preload={"INVAR_EXIT_UNDER": str(campaign / "journal"),
                                "INVAR_EXIT_AT": "21", "INVAR_EXIT_HOW": "half"})
    must(result.exit_code == 137, f"the kill ended with {result.exit_code}: {result.err}")


STATES = {"finished": make_finished, "stopped": make_stopped, "killed": make_killed}


def damages(size, random_numbers):
    """Functions from the file's bytes to damaged ones, by name; those of a tenth spread evenly."""
    share = min(1.0, scale())
    num_cuts, num_flips = max(1, round(20 * share)), max(1, round(50 * share))
    for i in range(num_cuts):
        at = (size - 1) * i // max(1, num_cuts - 1) if size > 0 else 0
        yield f"cut at {at}", lambda data, at=at: data[:at]
    for _ in range(num_flips if size > 0 else 0):
        at, mask = random_numbers.randrange(size), random_numbers.randrange(1, 256)
        yield (f"byte {at} ^ {mask:#x}",
               lambda data, at=at, mask=mask: data[:at] + bytes([data[at] ^ mask]) + data[at + 1:])


class Sweep:
    def __init__(self, lab):
        self.lab = lab
        self.counts = {}

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def check_state(self, state, only):
        lab = self.lab
        sound = lab.folder / state
        STATES[state](lab, sound)
        packed = lab.folder / f"{state}-packed"
        shutil.copytree(sound, packed)
        lab.invar("pack", packed).must_finish()
        shown = self.shown(lab.invar("show", sound, "--json").must_finish(), sound)
        for pattern, most in FILES:
            found = sorted(sound.glob(pattern))
            for path in (found[:1] + found[-1:])[:min(most, len(found))]:
                name = str(path.relative_to(sound))
                if only not in f"{state} {name}":
                    continue
                random_numbers = random.Random(f"{state} {pattern}")
                data = path.read_bytes()
                for i, (damage, change) in enumerate(damages(len(data), random_numbers)):
                    where = f"{state} campaign, {name} ({len(data)} bytes), {damage}"
                    copy = lab.folder / "damaged"
                    shutil.copytree(sound, copy)
                    (copy / name).write_bytes(change(data))
                    # In full length all three, below it one each by turns.
                    if scale() >= 1 or i % 3 == 0:
                        self.check_show(where, copy, name, shown)
                    if (scale() >= 1 and i % 2 == 1) or i % 3 == 1:
                        self.check_pack(where, copy, name, packed)
                    if scale() >= 1 or i % 3 == 2:
                        self.check_resume(where, copy, name)
                    shutil.rmtree(copy)

    @staticmethod
    def shown(result, campaign):
        """What `show` says, whatever the campaign is called."""
        return json.loads(result.out.replace(str(campaign), "DIR"))

    def check_refusal(self, where, result, name):
        must(result.exit_code in REFUSALS,
             f"{where}: `{result.arguments}` ended with {result.exit_code}: {result.err}")
        must(name in result.err,
             f"{where}: `{result.arguments}` does not name the file: {result.err}")
        must("unexpected" not in result.err, f"{where}: {result.err}")

    def check_show(self, where, campaign, name, sound):
        result = self.lab.invar("show", campaign, "--json")
        if result.exit_code != 0:
            self.check_refusal(where, result, name)
            return self.count("show refused")
        shown = self.shown(result, campaign)
        same = shown == sound
        must(same or any(name in note for note in shown["notes"]),
             f"{where}: `show` says something else and does not say why: {result.out}")
        return self.count("show right" if same else "show with a note")

    def check_pack(self, where, campaign, name, packed):
        result = self.lab.invar("pack", campaign)
        if result.exit_code != 0:
            self.check_refusal(where, result, name)
            return self.count("pack refused")
        same = not self.lab.difference(campaign, packed)
        must(same or name in result.err,
             f"{where}: `pack` has another answer and does not say why: {result.err}")
        return self.count("pack right" if same else "pack with a note")

    def check_resume(self, where, campaign, name):
        self.lab.num_calls()
        result = self.lab.invar("resume", campaign)
        if result.exit_code != 0:
            self.check_refusal(where, result, name)
            must(self.lab.num_calls() == 0, f"{where}: refused, but only after the model had run")
            return self.count("resume refused")
        difference = self.lab.difference(campaign)
        must(not difference, f"{where}: `resume` has another answer: {difference}\n{result.err}")
        return self.count("resume right")


def main():
    only = sys.argv[3] if sys.argv[2:3] == ["--only"] else ""
    start = time.monotonic()
    with Lab(sys.argv[1], ("--set", "campaign.segment_seconds=0")) as lab:
        sweep = Sweep(lab)
        for state in STATES:
            sweep.check_state(state, only)
        print(f"{sweep.counts}, {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
