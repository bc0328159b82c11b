#!/usr/bin/env bash
# Two minutes of fuzzing from the seeds, over all targets; fuzz/README.md says what must hold. Without a tool chain for it
# the seeds are still replayed by the tests.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec </dev/null

# What cargo-fuzz passes, without a sanitizer: there is no unsafe code for one to watch.
export RUSTFLAGS='--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares'
# Built for a short run: code that is optimised less is built sooner.
export CARGO_PROFILE_RELEASE_DEBUG=0 CARGO_PROFILE_RELEASE_OPT_LEVEL=1

host=$(rustc -vV | sed -n 's/^host: //p')
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if ! command -v c++ >/dev/null; then
    echo 'skipped: no C++ compiler, which libFuzzer needs (nothing was fuzzed)'
    exit 0
fi
# shellcheck disable=SC2086
if ! echo 'pub fn nothing() {}' >"$folder/probe.rs" \
    || ! rustc --crate-type lib --out-dir "$folder" $RUSTFLAGS "$folder/probe.rs" 2>"$folder/log"; then
    echo 'skipped: this compiler counts no coverage (nothing was fuzzed)'
    head -n 3 "$folder/log"
    exit 0
fi

cargo build --quiet --release --locked --manifest-path fuzz/Cargo.toml --target "$host" --target-dir target/fuzz

# Target, its seeds, seconds, most bytes of an input.
run() {
    local target=$1 seeds=$2 seconds=$3 most=$4 log=$folder/$1.log
    mkdir "$folder/$target"
    if ! "target/fuzz/$host/release/$target" "$folder/$target" "fuzz/seeds/$seeds" -max_total_time="$seconds" \
        -max_len="$most" -timeout=10 -rss_limit_mb=1500 -print_final_stats=1 -artifact_prefix=target/fuzz/ \
        >"$log" 2>&1; then
        tail -n 60 "$log"
        echo "failed: $target; the input is in target/fuzz"
        exit 1
    fi
    sed -n "s/^stat::number_of_executed_units: */$target: $seconds s, executions: /p" "$log"
}
run chunk chunk 24 12000
run file file 24 24000
run lanes chunk 24 12000
run template template 24 12000
run text_mta text_mta 6 12000
run text_library text_library 6 12000
run text_message text_message 6 4000
run text_catalogue text_catalogue 6 12000
