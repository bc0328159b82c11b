#!/usr/bin/env bash
# Measures a whole diagnosis beside other readers of the same logs, in one run.
#
#     benches/compare.sh LOG-OR-FOLDER…
#
# Needs hyperfine; evtx_dump (cargo install evtx --version 0.15.1) is named by EVTX_DUMP, else looked for in PATH.
# With valgrind it also counts the instructions of one record: of a log, and of the same log twice.
set -euo pipefail
[ $# -gt 0 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2; }
logs=$(realpath -- "$@")
cd "$(dirname "$0")/.."
dump=${EVTX_DUMP:-evtx_dump}
threads=${THREADS:-2}
runs=${RUNS:-10}
command -v hyperfine >/dev/null || { echo 'hyperfine is missing: install it first' >&2; exit 2; }
command -v "$dump" >/dev/null || { echo 'evtx_dump is missing: set EVTX_DUMP to its path' >&2; exit 2; }
cargo build --release --locked --quiet --bin rdpwhy --example dump_json
tool=$PWD/target/release/rdpwhy

printf 'machine   %s, %s cores, %s\n' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" \
    "$(awk '/MemTotal/ {printf "%d GiB", $2 / 1048576 + 0.5}' /proc/meminfo)"
printf 'date      %s\n' "$(date -u +%F)"
printf 'rdpwhy    %s\n' "$("$tool" --version)"
printf 'evtx_dump %s\n' "$("$dump" --version)"

for log in $logs; do
    printf '\n== %s, %s\n' "$(basename "$log")" "$(du -shL "$log" | cut -f1)"
    if [ -d "$log" ]; then
        list=$(mktemp)
        find -L "$log" -name '*.evtx' -print0 >"$list"
        cat="xargs -0 -a $list cat"
        # Once as a process for each log, once as one process for all of them, which the crate alone can do with one
        # thread only.
        dumping="xargs -0 -a $list -n 1 $dump -t $threads -o jsonl"
        rendering="xargs -0 -a $list $PWD/target/release/examples/dump_json 1"
    else
        cat="cat '$log'"
        dumping="$dump -t $threads -o jsonl '$log'"
        rendering="$PWD/target/release/examples/dump_json 1 '$log'"
    fi
    # One run of each first: the logs are in memory for all of them.
    hyperfine --warmup 1 --runs "$runs" --ignore-failure --style basic --output null --export-json /tmp/compare.$$.json \
        --command-name cat "$cat" \
        --command-name evtx_dump "$dumping" \
        --command-name 'one process' "$rendering" \
        --command-name 'rdpwhy diagnose' "'$tool' diagnose --quiet --format json --threads $threads '$log'"  2>/dev/null |
        grep -vE '^ *$|Warning|Summary' || true
    python3 - /tmp/compare.$$.json <<'PY'
import json, sys
times = {run["command"]: run for run in json.load(open(sys.argv[1]))["results"]}
own = times["rdpwhy diagnose"]["median"]
for name, run in times.items():
    print(f'{name:16} {run["median"]:7.3f} s wall (median)  {run["user"]:7.3f} s user  a diagnosis takes {own / run["median"]:5.2f} of it')
PY
    rm -f "/tmp/compare.$$.json"
    peak=$({ /usr/bin/time -f %M "$tool" diagnose --quiet --format json --threads "$threads" "$log" >/dev/null; } 2>&1 | tail -n 1)
    printf 'rdpwhy peak      %s MiB\n' "$((peak / 1024))"
done

command -v valgrind >/dev/null || { echo 'no valgrind: instructions are not counted'; exit 0; }
count() {
    valgrind --tool=callgrind --callgrind-out-file="$folder/counts" "$tool" diagnose --quiet --format json --threads 1 "$1" 2>&1 >/dev/null |
        sed -n 's/.*I *refs: *//p' | tr -d ,
}
log=$(find -L $logs -name '*.evtx' -size -64M | sort | head -n 1)
[ -n "$log" ] || exit 0
folder=$(mktemp -d)
python3 - "$log" "$folder" <<'PY'
# The log once, and with all its chunks twice: what the second half costs is what records cost.
import sys
data = open(sys.argv[1], "rb").read()
body = data[4096:4096 + (len(data) - 4096) // 65536 * 65536]
open(sys.argv[2] + "/once.evtx", "wb").write(data[:4096] + body)
open(sys.argv[2] + "/twice.evtx", "wb").write(data[:4096] + body + body)
PY
records=$("$dump" -t 1 -o jsonl "$folder/once.evtx" 2>/dev/null | wc -l)
once=$(count "$folder/once.evtx")
twice=$(count "$folder/twice.evtx")
printf '\ninstructions of %s: %s at once, %s for each of %s records that repeat\n' "$(basename "$log")" "$once" \
    "$(((twice - once) / records))" "$records"
rm -r "$folder"
