"""Tells what of the sources was run: `coverage_figures.py EXPORT FILES`, from the JSON that `llvm-cov export` writes.

A line counts when any binary ran it, a branch for each of its two sides. Tests are no part of what is measured: files called tests.rs,
and what follows `#[cfg(test)]` before a module in others.
"""

import json
import pathlib
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


def is_test_file(path):
    return path.name == "tests.rs" or "tests" in path.parts


def end_of_code(path):
    """The first line of the tests at the end of a file."""
    lines = path.read_text().splitlines()
    for at, line in enumerate(lines):
        if line == "#[cfg(test)]" and at + 1 < len(lines) and lines[at + 1].startswith("mod ") and lines[at + 1].endswith("{"):
            return at + 1
    return len(lines) + 1


def lines_of(segments, end):
    """Whether each line with code was run, as llvm-cov itself counts lines."""
    by_line = {}
    for segment in segments:
        by_line.setdefault(segment[0], []).append(segment)
    wrapped, run = None, {}
    for line in range(1, min(end, max(by_line, default=0) + 1)):
        here = by_line.get(line, [])
        starts = [s for s in here if s[3] and s[4] and not s[5]]
        is_counted = bool(starts) or (wrapped is not None and wrapped[3])
        if starts or is_counted:
            counts = [s[2] for s in starts]
            if wrapped is not None and wrapped[3]:
                counts.append(wrapped[2])
            if not (here and not here[0][3] and here[0][4] and not starts):
                run[line] = max(counts) > 0
        if here:
            wrapped = here[-1]
    return run


def branches_of(branches, end):
    """Whether each side of each branch was taken, by its place."""
    sides = {}
    for branch in branches:
        line, column, end_line, end_column, true, false = branch[:6]
        if line < end:
            place = (line, column, end_line, end_column)
            known = sides.setdefault(place, [0, 0])
            known[0] += true
            known[1] += false
    return [count > 0 for pair in sides.values() for count in pair]


def share(flags):
    return sum(flags) / len(flags) if flags else 1.0


def main():
    export, listing = sys.argv[1:]
    root = pathlib.Path.cwd() / "src"
    measured = {}
    for file in json.load(open(export))["data"][0]["files"]:
        path = pathlib.Path(file["filename"])
        if not path.is_relative_to(root) or is_test_file(path.relative_to(root)):
            continue
        end = end_of_code(path)
        lines = list(lines_of(file["segments"], end).values())
        measured[str(path.relative_to(root))] = (lines, branches_of(file.get("branches", []), end))
    with open(listing, "w") as out:
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
    print(f"by file: {listing}")
    sys.exit(1 if missed or not lines else 0)


main()
