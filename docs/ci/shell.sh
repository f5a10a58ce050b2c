#!/bin/sh
# What a CI job does, in plain shell: check the workflows, run one with simulated answers, and tell what changed since BASE.
# Ends with the first exit code that is not 0; reports are in ci-reports/.
set -u
base="${BASE:-HEAD}"
flow="${FLOW:-workflows/hello.yaml}"
mkdir -p ci-reports
failed=0

# step COMMAND...: runs it, and keeps its exit code if it is the first that is not 0.
step() {
  code=0
  "$@" || code=$?
  if [ "$failed" -eq 0 ]; then failed=$code; fi
}

step agentflow validate
agentflow validate --format sarif >ci-reports/agentflow.sarif || true
step agentflow run "$flow" --mock --quiet --junit ci-reports/junit.xml --summary ci-reports/summary.md
agentflow diff --rev "$base" --format markdown >ci-reports/diff.md || true
step agentflow diff --rev "$base" --fail-on widened
exit "$failed"
