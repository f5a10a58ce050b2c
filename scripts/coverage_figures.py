"""Tells what of the sources was run: `coverage_figures.py LISTING FILES`, from the text that `llvm-cov show` writes.

A line counts when any binary ran it, a branch for each of its two sides. Tests are no part of what is measured: files called tests.rs,
and what follows `#[cfg(test)]` before a module in others.
"""

import pathlib
import re
import sys

LINES = 0.80
BRANCHES = 0.90
# What decides after a failure: by the folders and files it is made of.
PARTS = {
    "retry": ["resilience/retry.rs", "resilience/verdict.rs", "resilience/budget.rs", "agent/retrying.rs", "agent/patience.rs"],
    "breaker": ["resilience/breaker.rs", "resilience/window.rs", "resilience/limiter.rs", "resilience/pace.rs", "agent/health/"],
    "policy": ["tool/policy/", "model/access.rs", "app/policy/"],
    "replay": ["engine/recover.rs", "engine/inspect.rs", "engine/state/apply.rs", "engine/state/steps.rs", "agent/recorded.rs"],
}
# What the listing has: `   12|  3.4k|    code`, and `  |  Branch (12:8): [True: 5, False: 0]`; the sides of what the compiler knows beforehand
# are not counted.
LINE = re.compile(r" *(\d+)\| *([\d.]+[kMGTPE]?)?\|")
BRANCH = re.compile(r" *\|  Branch \((\d+):(\d+)\): \[True: ([\d.]+[kMGTPE]?), False: ([\d.]+[kMGTPE]?)\]")


def is_test_file(path):
    return path.name == "tests.rs" or "tests" in path.parts


def end_of_code(path):
    """The first line of the tests at the end of a file."""
    lines = path.read_text().splitlines()
    for at, line in enumerate(lines):
        if line == "#[cfg(test)]" and at + 1 < len(lines) and lines[at + 1].startswith("mod ") and lines[at + 1].endswith("{"):
            return at + 1
    return len(lines) + 1


def read(listing):
    """Of each file, how often its lines and the sides of its branches were run: [path, {line: run}, {(line, column): [true, false]}]."""
    files = []
    for text in open(listing, encoding="utf-8"):
        if text.startswith("/") and text.rstrip().endswith(".rs:"):
            files.append((pathlib.Path(text.rstrip()[:-1]), {}, {}))
        elif found := LINE.match(text):
            number, count = found.groups()
            if count:
                files[-1][1][int(number)] = is_run(count)
        elif found := BRANCH.match(text):
            # A generic function has its branches once for each type, and each binary has its own.
            line, column, true, false = found.groups()
            sides = files[-1][2].setdefault((int(line), int(column)), [False, False])
            sides[0] |= is_run(true)
            sides[1] |= is_run(false)
    return files


def is_run(count):
    return float(count.rstrip("kMGTPE")) > 0


def share(flags):
    return sum(flags) / len(flags) if flags else 1.0


def main():
    listing, told = sys.argv[1:]
    root = pathlib.Path.cwd() / "src"
    measured = {}
    for path, lines, branches in read(listing):
        if not path.is_relative_to(root) or is_test_file(path.relative_to(root)):
            continue
        end = end_of_code(path)
        lines = [run for line, run in lines.items() if line < end]
        branches = [side for (line, _), sides in branches.items() if line < end for side in sides]
        measured[str(path.relative_to(root))] = (lines, branches)
    with open(told, "w") as out:
        for name, (lines, branches) in sorted(measured.items(), key=lambda entry: share(entry[1][0])):
            out.write(f"{share(lines):7.1%} of {len(lines):5} lines, {share(branches):7.1%} of {len(branches):4} branches  {name}\n")
    missed = []

    def tell(what, value, least, of):
        is_met = value >= least and of > 0
        print(f"{what:<28} {value:6.1%} of {of:<6} at least {least:.0%}  {'ok' if is_met else 'MISSED'}")
        if not is_met:
            missed.append(what)

    lines = [flag for lines, _ in measured.values() for flag in lines]
    tell("lines", share(lines), LINES, len(lines))
    for part, paths in PARTS.items():
        of_part = [branches for name, (_, branches) in measured.items() if any(name.startswith(path) for path in paths)]
        branches = [flag for branches in of_part for flag in branches]
        tell(f"branches of {part}", share(branches), BRANCHES, len(branches))
    print(f"by file: {told}; line by line: {listing}")
    sys.exit(1 if missed or not lines else 0)


main()
