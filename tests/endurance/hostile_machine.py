#!/usr/bin/env python3
"""Full and read-only disks, files at their size limit, two programs on one campaign, jumping clocks.

    hostile_machine.py BUILD_FOLDER

Each time: a clear message with the path and exit code 74, nothing lost, and once the trouble is over
the campaign goes on to the bytes of an undisturbed one. Where no small disk can be mounted (that
takes root) that part says so and the script ends as skipped, after all the others.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import time

from campaigns import Lab, must, scale, SKIPPED

IO_ERROR = 74


class Disk:
    """A small disk of its own, mounted below the scratch folder."""

    def __init__(self, lab, kilobytes):
        self.path = lab.folder / "disk"
        self.path.mkdir(exist_ok=True)
        self.mount(f"size={kilobytes}k")

    def mount(self, options):
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.path], check=True,
                       stderr=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        subprocess.run(["umount", self.path], check=True)


def can_mount(lab):
    if os.geteuid() != 0 or not shutil.which("mount"):
        return False
    try:
        with Disk(lab, 64):
            return True
    except subprocess.CalledProcessError:
        return False


def share_of(values):
    """All values in full length, an evenly spread share of them below it."""
    values = list(values)
    count = max(3, round(len(values) * min(1.0, scale())))
    return [values[i * (len(values) - 1) // (count - 1)] for i in range(count)]


def must_fail(result, campaign, where, reason):
    must(result.exit_code == IO_ERROR,
         f"{where}: `{result.arguments}` ended with {result.exit_code}: {result.err}")
    must(str(campaign) in result.err and reason in result.err,
         f"{where}: the message does not say what happened: {result.err}")


def must_recover(lab, campaign, where, num_failures):
    result = lab.go_on(campaign)
    must(result.exit_code == 0,
         f"{where}: `{result.arguments}` ended with {result.exit_code}: {result.err}")
    difference = lab.difference(campaign)
    must(not difference, f"{where}: another answer: {difference}")
    calls = lab.num_calls()
    must(calls <= lab.num_needed + num_failures,
         f"{where}: {calls} runs, {lab.num_needed} needed, {num_failures} failures")


def disk_usage(folder):
    """In kilobytes, as `du` counts."""
    return int(subprocess.run(["du", "-sk", folder], stdout=subprocess.PIPE, check=True,
                              text=True).stdout.split()[0])


def full_disks(lab):
    """From no room at all to nearly enough."""
    num_failures = 0
    sizes = share_of(range(4, disk_usage(lab.reference) + 1200, 12))
    for kilobytes in sizes:
        where = f"a disk of {kilobytes} kB"
        with Disk(lab, kilobytes) as disk:
            campaign = disk.path / "campaign"
            result = lab.run(campaign)
            if result.exit_code != 0:
                num_failures += 1
                must_fail(result, campaign, where, "No space left on device")
                if campaign.exists():  # still full
                    shown = lab.invar("show", campaign)
                    must(shown.exit_code == 0, f"{where}: show: {shown.err}")
                    again = lab.invar("resume", campaign)
                    if again.exit_code != 0:
                        must_fail(again, campaign, where, "No space left on device")
                disk.mount("remount,size=64m")
                must_recover(lab, campaign, where, 2)
            lab.num_calls()
    must(num_failures >= len(sizes) // 2, "the disks were too large")
    print(f"full disks: {num_failures} of {len(sizes)} sizes")


def limited_files(lab):
    """The same with the limit on a file's size that every user can set."""
    if not shutil.which("prlimit"):
        return print("limited files: left out, there is no prlimit")
    num_failures = 0
    sizes = share_of(range(400, 40000, 200))
    for i, num_bytes in enumerate(sizes):
        where = f"files of at most {num_bytes} bytes"
        campaign = lab.folder / "limited"
        # By turns the history is what grows too large, or the journal.
        result = lab.run(campaign, "--set", f"campaign.segment_seconds={1000 * (i % 2)}",
                         wrapper=["prlimit", f"--fsize={num_bytes}"])
        num_failures += 1
        must_fail(result, campaign, where, "File too large")
        must_recover(lab, campaign, where, 1)
        shutil.rmtree(campaign)
    return print(f"limited files: {num_failures} of {len(sizes)} limits")


def read_only_disk(lab):
    with Disk(lab, 65536) as disk:
        campaign = disk.path / "campaign"
        disk.mount("remount,ro")
        must_fail(lab.run(campaign), campaign, "a new campaign on a read-only disk", "Read-only")
        disk.mount("remount,rw")
        must(lab.run(campaign, "--stop-after", "3").exit_code == 75, "the stop")
        disk.mount("remount,ro")
        shown = lab.invar("show", campaign).must_finish().out
        must("rounds        3" in shown, f"show on a read-only disk: {shown}")
        for command in ("resume", "pack"):
            must_fail(lab.invar(command, campaign), campaign, "a read-only disk", "Read-only")
        disk.mount("remount,rw")
        must_recover(lab, campaign, "a disk that was read-only", 0)
    print("read-only disk: refused, shown, resumed")


@contextlib.contextmanager
def running(lab, campaign, sleep_s):
    """A campaign that is being run by another program."""
    program = subprocess.Popen([lab.program, "run", "study.yaml", "--campaign", campaign,
                                *lab.options, "--set", f"model.sleep_s={sleep_s}"], cwd=lab.folder,
                               stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    while not (campaign / "status.json").exists():
        must(program.poll() is None, "the first program ended at once")
        time.sleep(0.02)
    try:
        yield program
    finally:
        program.kill()
        program.wait()


def two_programs(lab):
    campaign = lab.folder / "shared"
    with running(lab, campaign, 0.6) as first:
        start = time.monotonic()
        second = lab.invar("resume", campaign)
        waited = time.monotonic() - start
        must_fail(second, campaign, "a campaign in use", f"process {first.pid} on ")
        must(9.5 < waited < 30, f"waited for {waited:.1f} s instead of 10 s")
        must(first.poll() is None, "the first program was disturbed")
        must("running" in lab.invar("show", campaign).must_finish().out, "show of a campaign in use")
    shutil.rmtree(campaign)
    with running(lab, campaign, 0.1) as first:
        lab.num_calls()
        lab.invar("resume", campaign).must_finish()  # waits for the first one's end
        must(first.wait() == 0, "the first program was disturbed")
        must(lab.num_calls() == 0, "the second program computed what the first one had")
    print(f"two programs: the second one gave up after {waited:.1f} s; another one waited and went on")


def jumping_clocks(lab):
    """A day back and forth at every other look at the clock, kills included."""
    campaign = lab.folder / "jumps"
    clock = {"INVAR_CLOCK_JUMPS": "1"}
    lab.num_calls()
    for at in (30, 90, 60):
        result = lab.go_on(campaign, preload={**clock, "INVAR_EXIT_UNDER": str(campaign),
                                              "INVAR_EXIT_AT": str(at)})
        must(result.exit_code == 137, f"the kill ended with {result.exit_code}: {result.err}")
    lab.go_on(campaign, preload=clock).must_finish()
    must_recover(lab, campaign, "a clock that jumps", 3)
    shown = lab.invar("show", campaign, preload=clock).must_finish().out
    must("finished" in shown and "-" not in shown.split("\n")[1], f"show: {shown}")
    print("clock jumps: the same answer")


def main():
    start = time.monotonic()
    with Lab(sys.argv[1], ("--set", "campaign.segment_seconds=0")) as lab:
        jumping_clocks(lab)
        limited_files(lab)
        two_programs(lab)
        may_mount = can_mount(lab)
        if may_mount:
            full_disks(lab)
            read_only_disk(lab)
    print(f"{time.monotonic() - start:.0f} s")
    if not may_mount:
        print("left out: full and read-only disks, which take the right to mount one")
        sys.exit(SKIPPED)


if __name__ == "__main__":
    main()
