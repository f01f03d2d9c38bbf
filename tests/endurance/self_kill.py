#!/usr/bin/env python3
"""Ends the program at the k-th call that changes the campaign directory, for every k, and resumes.

    self_kill.py BUILD_FOLDER

The k-th write, sync, rename, unlink, truncation, mkdir or creation is not made; or it is the last
thing that is made; or it is a write of which only half the bytes are written. Every campaign ends
equal to an uninterrupted one, and no evaluation is computed twice but the one in flight. Every
seventh resume is killed once more, at a call of its own. The same for the calls with which a resume
changes the study. At a tenth of the full length a
deterministic share of the k's is tried.
"""

import shutil
import sys
import time

from campaigns import Lab, must, scale

KILLED = 137
VARIANTS = {"one segment": ("--set", "campaign.segment_seconds=1000"),
            "a segment per round": ("--set", "campaign.segment_seconds=0")}


def count_calls(lab, how):
    """How many calls an uninterrupted run makes."""
    counter = lab.folder / "count"
    campaign = lab.folder / "counted"
    lab.run(campaign, preload={"INVAR_EXIT_UNDER": str(campaign), "INVAR_EXIT_HOW": how,
                               "INVAR_EXIT_COUNT": str(counter)}).must_finish()
    must(not lab.difference(campaign), "the preloaded library changes the campaign")
    shutil.rmtree(campaign)
    lab.num_calls()
    return int(counter.read_text())


def try_one(lab, how, k):
    """@return how many kills there were"""
    campaign = lab.folder / "killed"
    kills = 0

    def go_on_until(at):
        result = lab.go_on(campaign, preload={"INVAR_EXIT_UNDER": str(campaign),
                                              "INVAR_EXIT_AT": str(at), "INVAR_EXIT_HOW": how})
        must(result.exit_code in (0, KILLED),
             f"{how} call {k}: `{result.arguments}` ended with {result.exit_code}: {result.err}")
        return result.exit_code == KILLED

    kills += go_on_until(k)
    if k % 7 == 3:
        kills += go_on_until(1 + k % 23)
    result = lab.go_on(campaign)
    must(result.exit_code == 0,
         f"{how} call {k}: `{result.arguments}` ended with {result.exit_code}: {result.err}")
    difference = lab.difference(campaign)
    must(not difference, f"{how} call {k}: another answer: {difference}")
    calls = lab.num_calls()
    must(calls <= lab.num_needed + kills,
         f"{how} call {k}: {calls} runs, {lab.num_needed} needed, {kills} kills")
    for leftover in lab.folder.glob("killed*"):
        shutil.rmtree(leftover)
    return kills


def change_study(lab, stride):
    """The same at a resume that changes the observations: killed, it is given once more."""
    changed = lab.folder / "changed"
    changed.mkdir()
    shutil.copy(lab.folder / "study.yaml", changed)
    (changed / "observed.csv").write_text("y\n1.75\n1.45\n1.15\n")
    stopped = lab.folder / "stopped"
    must(lab.run(stopped, "--stop-after", "3").exit_code == 75, "the stop")
    command = ("resume", "killed", "--study", changed / "study.yaml")
    campaign = lab.folder / "killed"
    shutil.copytree(stopped, campaign)
    lab.invar(*command).must_finish()
    expected = campaign.rename(lab.folder / "expected")
    must(lab.difference(expected), "the change of the study changes nothing")
    kills = 0
    for k in range(1, 61, stride):
        shutil.copytree(stopped, campaign)
        result = lab.invar(*command, preload={"INVAR_EXIT_UNDER": str(campaign),
                                              "INVAR_EXIT_AT": str(k)})
        must(result.exit_code in (0, KILLED), f"call {k} of a change: {result.err}")
        kills += result.exit_code == KILLED
        again = lab.invar(*command)
        must(again.exit_code == 0, f"call {k} of a change: {again.exit_code}: {again.err}")
        difference = lab.difference(campaign, expected)
        must(not difference, f"call {k} of a change: another answer: {difference}")
        shutil.rmtree(campaign)
    lab.num_calls()
    must(kills > 0, "the library did not end the program")
    print(f"a changed study: {kills} kills in its first 60 calls", flush=True)
    return kills


def main():
    share = scale()
    num_tried = num_kills = 0
    start = time.monotonic()
    for name, options in VARIANTS.items():
        with Lab(sys.argv[1], options) as lab:
            for how in ("before", "after", "half"):
                total = count_calls(lab, how)
                stride = 1 if share >= 1 else max(1, round(4.4 / share))
                # Each way begins elsewhere, so that together they see more calls.
                first = 1 + {"before": 0, "after": stride // 3, "half": 2 * stride // 3}[how]
                tried = range(first, total + 1, stride)
                kills = sum(try_one(lab, how, k) for k in tried)
                num_tried += len(tried)
                num_kills += kills
                print(f"{name}, {how}: {len(tried)} of {total} calls, {kills} kills", flush=True)
                must(kills >= len(tried) - 3, "the library did not end the program")
            if name == "a segment per round":
                num_kills += change_study(lab, 1 if share >= 1 else max(1, round(0.9 / share)))
    print(f"{num_tried} calls, {num_kills} kills, {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
