"""Counts instructions of the release builds, and compares them with those on record.

A row's share is the difference of two runs that differ only in how many rows of tables they ask for, so it holds what a row
costs on its whole way: received, written as JSON, compressed, and with --dry-run (valgrind hides the page by which `cron` asks for
its CPU time) inflated, escaped for a terminal and printed. What is counted twice in a row differs by less than a
hundredth, as ids and moments of a run are never the same.

A record's share of what the backend does with a batch, from its text to what COPY sends, is the difference of two runs that
prepare the reference batch of scripts/bench-api once, and more often."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import bench
import bench_backend
import bench_server

RECORD = os.path.join(bench.ROOT, "tests/instructions.json")
ROWS = (10, 1010)
PREPARE = os.path.join(bench.ROOT, "target/release/examples/prepare")
TIMES = (1, 11)
MAY_GROW = 1.10


def counted(home, *command):
    done = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={home}/callgrind.out", *command],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if not found:
        sys.exit(f"callgrind counted nothing: {done.stderr}")
    return int(found[1]), done.returncode


def collector(home, *arguments):
    return counted(home, bench.BINARY, "--config", f"{home}/collector.toml", *arguments)


def configure(home, port, rows):
    with open(os.path.join(bench.ROOT, "collector.toml.example")) as file:
        collectors = re.findall(r"^\[(\w+)\]\n(?:#.*\n|\n)*enabled = ", file.read(), re.MULTILINE)
    with open(f"{home}/collector.toml", "w") as file:
        file.write(f'[collector]\nid = "counted"\nhostname = "counted"\nstate_dir = "{home}/state"\n'
                   f'[backend]\nurl = "file://{home}/out"\n'
                   f'[postgres]\nhost = "127.0.0.1"\nport = {port}\nuser = "bench_trust"\ndatabases = "counted"\n'
                   'sslmode = "disable"\n[collector_threading]\nthread_pool_size = 1\n'
                   f'[logging]\nfile_path = "{home}/collector.log"\n'
                   f"[pg_stats]\ntables_limit = {rows}\nindexes_limit = 10\nsizes_interval = 86400\n")
        file.writelines(f"[{name}]\nenabled = false\n" for name in collectors if name != "pg_stats")


def tables_told(home):
    done = subprocess.run([bench.BINARY, "--config", f"{home}/collector.toml", "--dry-run"], capture_output=True,
                          check=True)
    return sum(len(item.get("tables", [])) for item in json.loads(done.stdout)["metrics"])


def count(home, server):
    configure(home, server.port, ROWS[0])
    found = {"start, to a valid configuration": must_be(0, collector(home, "--validate-config"))}
    configure(home, bench_server.free_port() + 1, ROWS[0])
    found["a run that reaches no server"] = must_be(3, collector(home, "--dry-run"))
    runs = []
    for rows in ROWS:
        configure(home, server.port, rows)
        if tables_told(home) != rows:
            sys.exit(f"{rows} rows were asked for, {tables_told(home)} came")
        runs.append(must_be(0, collector(home, "--dry-run")))
    found["a row of pg_stats, from the wire to what --dry-run prints"] = (runs[1] - runs[0]) // (ROWS[1] - ROWS[0])
    return found


def count_preparing(home):
    # A server of its own, of the version that the backend is measured with.
    recorded = f"{home}/recorded"
    os.makedirs(recorded)
    os.chmod(recorded, 0o755)
    text, _ = bench_backend.record(recorded)["steady"]
    with open(f"{home}/batch.json", "wb") as file:
        file.write(text)
    runs = [must_be(0, counted(home, PREPARE, f"{home}/batch.json", str(times))) for times in TIMES]
    _, records = bench_backend.records_of(text)
    return {"a record of the reference batch, from the batch's text to rows": (runs[1] - runs[0]) // (TIMES[1] - TIMES[0]) // records}


def must_be(code, result):
    instructions, got = result
    if got != code:
        sys.exit(f"exit code {got}, not {code}: something else was counted")
    return instructions


def compare(found):
    with open(RECORD) as file:
        record = json.load(file)
    grown = []
    for name, now in found.items():
        ratio = now / record[name]
        print(f"{name}: {now:,} instructions, {record[name]:,} on record, ratio {ratio:.3f}")
        if ratio > MAY_GROW:
            grown.append(name)
    for name in grown:
        print(f"GROWN {name}: by more than a tenth; find out why, or record it with --write and say why")
    return 1 if grown else 0


def main():
    base = tempfile.mkdtemp(prefix="pga-bench-")
    os.chmod(base, 0o755)
    server = None
    try:
        server = bench.Server(base)
        server.sql("postgres", "create database counted")
        server.sql("counted", "".join(f"create table t{n} (id int, a int);" for n in range(ROWS[1])) + "analyze")
        found = {**count(base, server), **count_preparing(base)}
    finally:
        if server:
            server.ctl("stop")
        shutil.rmtree(base, ignore_errors=True)
    if sys.argv[1:] == ["--write"]:
        with open(RECORD, "w") as file:
            json.dump(found, file, indent=4)
            file.write("\n")
        print(json.dumps(found, indent=4))
        return 0
    return compare(found)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, bench.ended)
    sys.exit(main())
