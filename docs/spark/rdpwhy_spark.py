#!/usr/bin/env python3
"""Diagnoses a fleet's logs on a Spark cluster: executors read logs, the driver joins their partial reports.

Spark only hands out paths and brings partial reports back. What a record means, and how reports are joined, is left to
rdpwhy, so the result is the same as that of one machine. See docs/scale.md.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Endings that rdpwhy looks for in folders.
LOGS = {".evtx", ".xml", ".jsonl", ".ndjson", ".json"}
ARCHIVES = {".zip", ".gz", ".7z"}

# Logs shrink to about an eighth in an archive, so an archive is as much work as eight times its size.
ARCHIVE_WORK = 8

# rdpwhy exits with 2 when a run cannot go on; lower codes say what it found.
ERROR_CODE = 2


def main():
    options = parse_arguments()
    units = read_list(options.list) if options.list else find_units(options.root, options.slice_bytes)
    if not units:
        sys.exit("rdpwhy_spark: no logs found")
    slices = pack(units, options.slice_bytes)
    print(f"{len(units)} units, {sum(size for size, _ in units)} bytes, {len(slices)} slices", file=sys.stderr)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=options.work, prefix="rdpwhy-parts-") as parts:
        names = scan(options, slices, Path(parts))
        seconds = time.monotonic() - started
        total = sum(name.stat().st_size for name in names)
        print(f"scanned in {seconds:.1f} s, {total} bytes of partial reports", file=sys.stderr)
        join(options, names)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--root", type=Path, help="folder with the logs, mounted alike on driver and executors")
    source.add_argument("--list", type=Path, help="file with a line 'bytes<TAB>path' for each folder or log")
    parser.add_argument("--base", default="", help="folder that the paths of --list are relative to")
    parser.add_argument("--fetch", help="command that copies {source} to {target} on an executor")
    parser.add_argument("--rdpwhy", type=Path, required=True, help="the program, for the machines of the cluster")
    parser.add_argument("--slice-bytes", type=int, default=4 << 30, help="work of one task (default: 4 GiB)")
    parser.add_argument("--work", help="folder for partial reports on the driver")
    parser.add_argument("--format", default="json", help="format of the report")
    parser.add_argument("--output", type=Path, required=True, help="where the report goes")
    options = parser.parse_args()
    if options.root:
        options.root = options.root.resolve()
        options.base = str(options.root.parent)
    return options


def read_list(path):
    """The units of a prepared list, such as an inventory of an object store."""
    units = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        size, tab, name = line.partition("\t")
        if not tab or not size.isdigit() or not name:
            sys.exit(f"rdpwhy_spark: {path}:{number}: 'bytes<TAB>path' is expected")
        units.append((int(size), name))
    return sorted(units, key=lambda unit: unit[1])


def find_units(root, slice_bytes):
    """The folder, or the folders and logs below it: a folder stays whole, because its logs mostly are of one host,
    unless it is too much for one task. Names begin with that of the folder, as in `rdpwhy diagnose FOLDER`."""
    units = []
    add_unit(root.parent, root.name, slice_bytes, units)
    return units


def add_unit(base, name, slice_bytes, units):
    path = base / name
    if path.is_dir():
        size = sum(work(log) for log in files_below(path))
    else:
        size = work(path)
    if size > slice_bytes and path.is_dir():
        for child in sorted(os.listdir(path)):
            add_unit(base, f"{name}/{child}", slice_bytes, units)
    elif size > 0:
        units.append((size, name))


def files_below(folder):
    """Files of a folder and its folders; links are followed as rdpwhy follows them, each target once."""
    seen = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        target = os.path.realpath(place)
        if target in seen:
            folders.clear()
            continue
        seen.add(target)
        yield from (Path(place) / name for name in files)


def work(path):
    """How much there is to read in a file, in bytes; nothing in files that hold no records."""
    ending = path.suffix.lower()
    if ending not in LOGS | ARCHIVES or not path.is_file():
        return 0
    return path.stat().st_size * (ARCHIVE_WORK if ending in ARCHIVES else 1)


def pack(units, slice_bytes):
    """Slices of about equal work; neighbours stay together, so that few partial reports share a host."""
    slices, size = [[]], 0
    for unit_size, name in units:
        if slices[-1] and size + unit_size > slice_bytes:
            slices.append([])
            size = 0
        slices[-1].append(name)
        size += unit_size
    return slices


def scan(options, slices, parts):
    """Runs one task a slice and writes each partial report as soon as it arrives."""
    from pyspark import SparkFiles, StorageLevel
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.appName("rdpwhy").getOrCreate()
    try:
        context = spark.sparkContext
        context.addFile(str(options.rdpwhy.resolve()))
        program, base, fetch = options.rdpwhy.name, options.base, options.fetch

        def task(names):
            return scan_slice(SparkFiles.get(program), base, fetch, names)

        # All slices are scanned in parallel and kept with the executors; the driver takes them one at a time.
        partials = context.parallelize(slices, len(slices)).map(task).persist(StorageLevel.MEMORY_AND_DISK)
        partials.count()
        written = []
        for number, partial in enumerate(partials.toLocalIterator()):
            written.append(parts / f"{number:06}.part")
            written[-1].write_bytes(partial)
        return written
    finally:
        spark.stop()


def scan_slice(program, base, fetch, names):
    """The partial report of some folders and logs. Runs on an executor; a failed task is tried again by Spark."""
    from pyspark import TaskContext

    os.chmod(program, 0o755)
    threads = {**os.environ, "RAYON_NUM_THREADS": str(TaskContext.get().cpus())}
    with tempfile.TemporaryDirectory(prefix="rdpwhy-") as scratch:
        partial = Path(scratch) / "slice.part"
        folder = Path(base or ".")
        if fetch:
            folder = Path(scratch) / "logs"
            for name in names:
                fetch_unit(fetch, os.path.join(base, name), folder / name)
        # Paths are relative, so that the report does not depend on where an executor keeps the logs.
        command = [program, "diagnose", "--files-from", "-", "--partial", str(partial), "--quiet"]
        run(command, cwd=folder, env=threads, input=b"".join(os.fsencode(name) + b"\0" for name in names))
        return partial.read_bytes()


def fetch_unit(fetch, source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    words = [word.format(source=source, target=target) for word in shlex.split(fetch)]
    done = subprocess.run(words, stderr=subprocess.PIPE, check=False)
    fail_unless(done.returncode == 0, done)


def run(command, **more):
    done = subprocess.run(command, stderr=subprocess.PIPE, check=False, **more)
    fail_unless(0 <= done.returncode < ERROR_CODE, done)


def fail_unless(is_good, done):
    if not is_good:
        message = done.stderr.decode(errors="replace").strip()[-2000:]
        raise RuntimeError(f"{shlex.join(map(str, done.args[:4]))}: exit {done.returncode}: {message}")


def join(options, names):
    """Joins partial reports on the driver, in whatever order; the report appears when it is complete."""
    unfinished = options.output.with_name(options.output.name + ".unfinished")
    command = [str(options.rdpwhy.resolve()), "report", *map(str, names), "--format", options.format]
    with unfinished.open("wb") as report:
        run(command, stdout=report)
    os.replace(unfinished, options.output)


if __name__ == "__main__":
    main()
