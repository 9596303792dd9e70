"""How fast the server's log is read, and in how much memory: a generated log in each of its forms, read by the release
binary as far as one run goes, run after run. Called by scripts/bench log."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile

import bench

FORMS = {"stderr": "server.log", "csvlog": "server.csv", "jsonlog": "server.json"}
GIB = 1 << 30
# As a busy server writes: what it was asked to tell of statements and sessions above all, then itself, then what failed.
SHARES = {"statement": 60, "session": 20, "checkpoint": 2, "vacuum": 3, "temp": 3, "lock": 2, "error": 10}


def entry(kind, n):
    """Level, code, message, detail and statement of an entry."""
    statement = f"select o.id, o.total, c.name from shop.orders o join shop.customer c on c.id = o.customer where o.id = {n} and c.name = 'customer {n}'"
    if kind == "statement":
        return "LOG", "00000", f"duration: {n % 900 + 0.25} ms  statement: {statement}", "", ""
    if kind == "session":
        return "LOG", "00000", f"connection authorized: user=app{n % 7} database=shop application_name=web", "", ""
    if kind == "checkpoint":
        return ("LOG", "00000", f"checkpoint complete: wrote {n % 9000} buffers (1.2%); 0 WAL file(s) added, 0 removed, 3 recycled; "
                "write=26.9 s, sync=0.012 s, total=27.0 s; sync files=57, longest=0.004 s, average=0.001 s; distance=5300 kB, "
                "estimate=5400 kB", "", "")
    if kind == "vacuum":
        return ("LOG", "00000", f"automatic vacuum of table \"shop.public.t{n % 50}\": index scans: 1\npages: 0 removed, {n % 999} remain, 9 "
                f"scanned (9.00% of total)\ntuples: {n % 500} removed, 100 remain, 0 are dead but not yet removable\navg read rate: 0.1 "
                "MB/s, avg write rate: 0.2 MB/s\nbuffer usage: 200 hits, 1 misses, 3 dirtied\nWAL usage: 300 records, 4 full page images, "
                "56789 bytes\nsystem usage: CPU: user: 0.01 s, system: 0.00 s, elapsed: 0.03 s", "", "")
    if kind == "temp":
        return "LOG", "00000", f"temporary file: path \"base/pgsql_tmp/pgsql_tmp{n}.0\", size {n % 99999999}", "", statement
    if kind == "lock":
        return ("LOG", "00000", f"process {n % 32000} still waiting for ShareLock on transaction {n} after 1000.123 ms",
                f"Process holding the lock: {n % 31999}. Wait queue: {n % 32000}.", statement)
    return ("ERROR", "23505", "duplicate key value violates unique constraint \"customer_name_key\"", f"Key (name)=(customer {n}) already exists.",
            statement)


def line(form, kind, n):
    level, code, message, detail, statement = entry(kind, n)
    at = f"2026-02-03 {n // 3600000 % 24:02}:{n // 60000 % 60:02}:{n // 1000 % 60:02}.{n % 1000:03} UTC"
    if form == "stderr":
        fields = [(level, message), ("DETAIL", detail), ("STATEMENT", statement)]
        return "".join(f"{at} [{n % 32000}] app@shop {word}:  {text}\n".replace("\n", "\n\t", text.count("\n"))
                       for word, text in fields if text)
    if form == "csvlog":
        quoted = [f"\"{text.replace(chr(34), chr(34) * 2)}\"" if text else "" for text in (message, detail, statement)]
        return (f"{at},\"app\",\"shop\",{n % 32000},\"10.0.0.7:5555\",65.1,{n % 99},\"SELECT\",{at},3/4,0,{level},{code},{quoted[0]},"
                f"{quoted[1]},,,,,{quoted[2]},,,\"web\",\"client backend\",,{n}\n")
    fields = {"timestamp": at, "user": "app", "dbname": "shop", "pid": n % 32000, "remote_host": "10.0.0.7", "session_id": "65.1",
              "line_num": n % 99, "ps": "SELECT", "session_start": at, "error_severity": level, "state_code": code,
              "message": message, "detail": detail, "statement": statement, "application_name": "web",
              "backend_type": "client backend", "query_id": n}
    return json.dumps({name: value for name, value in fields.items() if value != ""}, separators=(",", ":")) + "\n"


def generate(form, path, size):
    """A block of many entries, again and again: what is read does not know."""
    random.seed(1)
    kinds = random.choices(list(SHARES), weights=SHARES.values(), k=60_000)
    block = "".join(line(form, kind, n * 7919) for n, kind in enumerate(kinds)).encode()
    written = 0
    with open(path, "ab") as file:
        while written < size:
            written += file.write(block)
    return written


def configure(home, server, path):
    off = ("sysstat disk_usage pg_stats pg_query_stats pg_connections pg_locks pg_replication pg_xmin pg_wal pg_bgwriter "
           "pg_archiver pg_io pg_slru pg_progress pg_cache pg_bloat pg_sequences pg_settings pg_extensions").split()
    with open(f"{home}/collector.toml", "w") as file:
        file.write(f"""[collector]
id = "bench"
state_dir = "{home}/state"
run_timeout = 50
[backend]
url = "file://{home}/out"
[postgres]
host = "127.0.0.1"
port = {server.port}
user = "bench_trust"
database = "postgres"
log_file = "{path}"
[logging]
file_path = "{home}/collector.log"
""" + "".join(f"[{name}]\nenabled = false\n" for name in off))


def run(home):
    """One run: its item, the process's memory and its CPU."""
    command = [bench.BINARY, "--config", f"{home}/collector.toml", "cron", "--force"]
    done = subprocess.run(["/usr/bin/time", "-f", "%M %U %S", *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True)
    if done.returncode != 0:
        sys.exit(f"exit code {done.returncode}: {done.stderr}")
    peak_kb, user, system = done.stderr.split()[-3:]
    out = f"{home}/out"
    with open(os.path.join(out, sorted(os.listdir(out))[-1]), "rb") as file:
        batch = json.loads(file.read().splitlines()[-1])
    item = next(item for item in batch["metrics"] if item["type"] == "pg_log")
    return item, int(peak_kb) / 1024, float(user) + float(system)


def measure(base, server, form, size):
    home = tempfile.mkdtemp(dir=base)
    path = f"{home}/{FORMS[form]}"
    open(path, "w").close()
    configure(home, server, path)
    run(home)
    written = generate(form, path, size)
    took_ms, entries, bytes_read, runs, peak, cpu, unparsed = 0.0, 0, 0, 0, 0.0, 0.0, 0
    while True:
        item, peak_mb, cpu_s = run(home)
        took_ms += item["took_ms"]
        entries += item["entries"]
        bytes_read += item["bytes"]
        unparsed += item["unparsed_lines"]
        peak, cpu, runs = max(peak, peak_mb), cpu + cpu_s, runs + 1
        if item["waiting_bytes"] < 4096:
            break
    assert item["skipped_bytes"] == 0 and unparsed == 0, item
    os.remove(path)
    return dict(form=form, mb=written / 1e6, entries=entries, runs=runs, rate=bytes_read / 1e3 / took_ms, peak=peak, cpu=cpu,
                per_s=entries / took_ms * 1000)


def table(rows):
    lines = ["| form | log | entries | runs | MB/s | entries/s | own CPU, all runs | peak RSS |", "|---|---|---|---|---|---|---|---|"]
    lines += [f"| {r['form']} | {r['mb']:.0f} MB | {r['entries']:,} | {r['runs']} | {r['rate']:.0f} | {r['per_s']:,.0f} | {r['cpu']:.1f} s "
              f"| {r['peak']:.1f} MB |" for r in rows]
    return "\n".join(lines)


def main():
    write = "--write" in sys.argv
    load_before = os.getloadavg()[0]
    base = tempfile.mkdtemp(prefix="pga-bench-")
    os.chmod(base, 0o755)
    server = None
    try:
        server = bench.Server(base, settings={"log_line_prefix": "'%m [%p] %q%u@%d '"})
        rows = [measure(base, server, form, GIB) for form in FORMS]
    finally:
        if server:
            server.ctl("stop")
        shutil.rmtree(base, ignore_errors=True)
    text = f"{bench.surroundings(load_before)}\n\n{table(rows)}"
    print(text)
    if write:
        bench.lay_into_document(text, "scripts/bench log")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, bench.ended)
    main()
