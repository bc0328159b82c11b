#!/usr/bin/env bash
# Runs the Spark job of docs/spark in local mode and compares its report with that of one run, byte for byte.
#
#     tests/spark/run.sh [FOLDER]      logs to read; samples/ if none is given
#
# RDPWHY names the program (default: a debug build), SPARK_VENV the folder for PySpark (default: target/spark-venv).
# Needs Java 17 and Python 3.9 or later.
set -euo pipefail

here=$(cd "$(dirname "$0")/../.." && pwd)
logs=$(cd "${1:-$here/samples}" && pwd)
venv=${SPARK_VENV:-$here/target/spark-venv}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ -z "${RDPWHY:-}" ]; then
    cargo build --quiet --manifest-path "$here/Cargo.toml"
    RDPWHY=$here/target/debug/rdpwhy
fi
if ! "$venv/bin/python" -c 'import pyspark' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --requirement "$here/docs/spark/requirements.txt"
fi

export SPARK_LOCAL_IP=127.0.0.1 PYSPARK_PYTHON=$venv/bin/python
export PYSPARK_SUBMIT_ARGS='--master local[2] --conf spark.ui.enabled=false --conf spark.ui.showConsoleProgress=false pyspark-shell'
passed=0 failed=0

job() { # NAME ARGUMENTS
    local name=$1
    shift
    "$venv/bin/python" "$here/docs/spark/rdpwhy_spark.py" --root "$logs" --output "$work/$name.json" "$@" \
        2>"$work/$name.log"
}

same() { # NAME ARGUMENTS: the job's report is that of one run
    if job "$@" --rdpwhy "$RDPWHY" && cmp "$work/one-run.json" "$work/$1.json"; then
        passed=$((passed + 1))
        echo "ok      $1: $(grep -E 'units|scanned' "$work/$1.log" | paste -sd' ')"
    else
        failed=$((failed + 1))
        echo "FAILED  $1"
        tail -n 20 "$work/$1.log"
    fi
}

refused() { # NAME ARGUMENTS: the job fails and leaves no report
    if ! job "$@" && [ ! -e "$work/$1.json" ] && grep -q 'exit 2' "$work/$1.log"; then
        passed=$((passed + 1))
        echo "ok      $1"
    else
        failed=$((failed + 1))
        echo "FAILED  $1"
    fi
}

# What one machine says; an exit code of 1 only says that a host is broken.
(cd "$logs/.." && "$RDPWHY" diagnose "$(basename "$logs")" --format json --quiet >"$work/one-run.json") || [ $? -lt 2 ]

same many-slices --slice-bytes 100000
same one-slice --slice-bytes 1000000000000
same fetched --slice-bytes 1000000 --fetch 'cp -r {source} {target}'

printf '#!/bin/sh\nexit 2\n' >"$work/fails" && chmod +x "$work/fails"
refused program-that-fails --rdpwhy "$work/fails"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
