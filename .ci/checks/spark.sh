#!/usr/bin/env bash
# The Spark job, in local mode over the samples: its report is that of one run, byte for byte.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! java -version >/dev/null 2>&1; then
    echo 'skipped: no Java'
    exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if [ -z "${SPARK_VENV:-}" ]; then
    export SPARK_VENV=$folder/venv
    if ! python3 -m venv "$SPARK_VENV" 2>/dev/null \
        || ! timeout 300 "$SPARK_VENV/bin/pip" install --quiet --requirement docs/spark/requirements.txt >/dev/null 2>&1; then
        echo 'skipped: PySpark cannot be installed'
        exit 0
    fi
fi
tests/spark/run.sh
