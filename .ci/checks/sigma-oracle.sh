#!/usr/bin/env bash
# Matches of Sigma rules over real logs, compared with another reader of Sigma; every difference must be explained.
set -euo pipefail
cd "$(dirname "$0")/../.."

corpus=${RDPWHY_CORPUS:-../shared/corpus}
if [ ! -d "$corpus" ]; then
    echo 'skipped: no corpus (set RDPWHY_CORPUS)'
    exit 0
fi
export CARGO_TARGET_DIR=${ORACLE_TARGET_DIR:-$PWD/tests/oracle/target}
if ! cargo fetch --quiet --locked --manifest-path tests/oracle/Cargo.toml 2>/dev/null; then
    echo 'skipped: the crates that it compares with cannot be fetched'
    exit 0
fi
cargo build --quiet --locked --manifest-path tests/oracle/Cargo.toml
"$CARGO_TARGET_DIR/debug/rdpwhy-oracle" tests/oracle/rules "$corpus" tests/oracle/explained.tsv
