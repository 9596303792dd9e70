"""Large servers: what a run costs there, what it leaves out, and whether it keeps its bounds.

Called by scripts/beds. Each bed is a server of its own. Three runs: the first, another with everything due, and a
steady minute after it. A part that is not there must say why; what is bounded must say how much there is in all."""

import argparse
import collections
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import bench

RUN_TIMEOUT_S = 50
RSS_MB = 64
USER = "bench_trust"
SETTINGS = {
    "pg_stat_statements.max": "60000", "max_locks_per_transaction": "1024", "max_connections": "60",
    "shared_preload_libraries": "'pg_stat_statements'", "log_destination": "'stderr'", "log_filename": "'bench'",
}


# Beds: each gives back how many items of databases a run owes, and what puts some load on it

def each(server, database, text, count):
    """A statement of its own for each number, in a transaction of its own: one for all would hold all their locks."""
    server.sql(database, f"select format({text}) from generate_series(1, {count}) n \\gexec\n")


def tables(server):
    server.sql("postgres", "create database tables")
    each(server, "tables", "'create table t%s (id int primary key, a int, b text)', n", 10_000)
    each(server, "tables", "'insert into t%s select g, g, md5(g::text) from generate_series(1, 100) g', n * 10", 1000)
    server.sql("tables", "create extension pg_stat_statements; analyze")
    return 2, lambda: server.sql("tables", "select count(*) from t10 where id = 7; update t20 set a = a + 1")


def statements(server):
    server.sql("postgres", "create database statements")
    columns = ", ".join(f"c{n} int" for n in range(17))
    server.sql("statements", f"create extension pg_stat_statements; create table wide ({columns})")
    names = [[f"c{bit}" for bit in range(17) if n >> bit & 1] for n in range(1, 50_001)]
    server.sql("statements", "".join(f"select {', '.join(chosen)} from wide;\n" for chosen in names))
    found = int(server.sql("statements", "select count(*) from pg_stat_statements(false)"))
    if found < 50_000:
        sys.exit(f"only {found} statements are there")
    some = "".join(f"select {', '.join(chosen)} from wide;\n" for chosen in names[:500])
    return 2, lambda: server.sql("statements", some)


def databases(server):
    server.sql("postgres", "create extension if not exists pg_stat_statements; create database pattern")
    server.sql("pattern", "".join(f"create table t{n} (id int primary key, a int);" for n in range(5)))
    each(server, "postgres", "'create database d%s template pattern', n", 498)
    return 500, lambda: server.sql("d7", "select count(*) from t1; insert into t2 values (1, 1) on conflict do nothing")


def partitions(server):
    server.sql("postgres", "create database partitions")
    server.sql("partitions", """create extension pg_stat_statements;
        create table tree (id int, day int, what text, primary key (id, day)) partition by range (day);
        create index on tree (what);""")
    each(server, "partitions", "'create table tree_%s partition of tree for values from (%s) to (%s)', n, n, n + 1", 1000)
    server.sql("partitions", "insert into tree select g, g % 1000 + 1, md5(g::text) from generate_series(1, 20000) g;"
               "analyze")
    return 2, lambda: server.sql("partitions", "select count(*) from tree where day = 7")


BEDS = {"tables": tables, "statements": statements, "databases": databases, "partitions": partitions}


# Runs

class Home:
    """Everything enabled, on all databases."""

    def __init__(self, base, server, binary):
        self.dir = tempfile.mkdtemp(dir=base)
        self.binary = binary
        with open(os.path.join(bench.ROOT, "collector.toml.example")) as file:
            text = file.read()
        collectors = re.findall(r"^\[(\w+)\]\n(?:#.*\n|\n)*enabled = ", text, re.MULTILINE)
        if len(collectors) < 10:
            sys.exit("the example of the configuration does not name the collectors")
        with open(os.path.join(self.dir, "collector.toml"), "w") as file:
            file.write(f'[collector]\nid = "beds"\nhostname = "beds"\nstate_dir = "{self.dir}/state"\n'
                       f'run_timeout = {RUN_TIMEOUT_S}\n[backend]\nurl = "file://{self.dir}/out"\n'
                       f'[postgres]\nhost = "127.0.0.1"\nport = {server.port}\nuser = "{USER}"\ndatabases = "*"\n'
                       f'[logging]\nfile_path = "{self.dir}/collector.log"\n')
            file.writelines(f"[{name}]\nenabled = true\n" for name in collectors)

    def command(self, force):
        return [self.binary, "--config", f"{self.dir}/collector.toml", "cron", *(["--force"] if force else [])]

    def batch(self):
        out = f"{self.dir}/out"
        with open(os.path.join(out, sorted(os.listdir(out))[-1]), "rb") as file:
            text = file.read().splitlines()[-1]
        with open(f"{self.dir}/status.json") as file:
            return json.loads(text)["metrics"], len(text), json.load(file)["last_run"]["bytes_compressed"]


def run(home, server, bed, kind, items):
    """A row of the table, and the bounds that were broken."""
    server.settle()
    before = server.cpu_ms()
    start = time.monotonic()
    done = subprocess.run(["/usr/bin/time", "-f", "%e %U %S %M", *home.command(kind != "steady")],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wall = time.monotonic() - start
    left = backends(server)
    server.settle()
    _, user, system, rss = done.stderr.split()[-4:]
    metrics, raw, sent = home.batch()
    agent = next(item for item in metrics if item["type"] == "agent")["servers"][0]
    row = dict(bed=bed, kind=kind, wall_ms=wall * 1000, cpu_ms=(float(user) + float(system)) * 1000,
               server_ms=server.cpu_ms() - before, rss_mb=int(rss) / 1024, items=len(metrics), raw=raw, sent=sent,
               left_out=left_out(metrics))
    broken = []
    if done.returncode not in (0, 1):
        broken.append(f"exit code {done.returncode}")
    if wall > RUN_TIMEOUT_S:
        broken.append(f"{wall:.1f} s, {RUN_TIMEOUT_S} s are allowed")
    if row["rss_mb"] >= RSS_MB:
        broken.append(f"{row['rss_mb']:.1f} MB of memory, {RSS_MB} are allowed")
    reasons = {part.get("reason") for _, part in parts(metrics)}
    # Each worker may be cut off in a statement by the run's deadline; no statement may be slower than it is allowed.
    if agent["failed_statements"] > (4 if "out_of_time" in reasons else 0):
        broken.append(f"{agent['failed_statements']} statements failed")
    if "timeout" in reasons:
        broken.append("a statement ran into its timeout")
    if left:
        broken.append(f"{left} backends were left")
    there = sum(item["type"] == "pg_stats" for item in metrics)
    if there != items:
        broken.append(f"{there} items of databases, {items} are owed")
    broken += [f"{what} says neither why nor how" for what in unsaid(metrics)]
    return row, [f"{bed}, {kind}: {what}" for what in broken]


def backends(server):
    """Of ours, once a second has passed in which they could see that their client is gone."""
    for _ in range(20):
        count = int(server.sql("postgres", f"select count(*) from pg_stat_activity where usename = '{USER}'"))
        if count == 0:
            return 0
        time.sleep(0.05)
    return count


def parts(metrics):
    for item in metrics:
        for key, part in item.get("parts", {}).items():
            yield f"{item['type']}.{key}", part


def left_out(metrics):
    """What is not complete, by part and reason, and choices of more than there is room for."""
    counts = collections.Counter()
    for name, part in parts(metrics):
        if part["outcome"] != "ok":
            counts[f"{name} {part.get('reason')}"] += 1
        elif part.get("total", part["rows"]) > part["rows"]:
            counts[f"{name} {part['rows']} of {part['total']}"] += 1
    return counts


def unsaid(metrics):
    return sorted({name for name, part in parts(metrics) if part["outcome"] != "ok" and not part.get("reason")})


# Telling

COLUMNS = [("bed", "bed"), ("kind", "run"), ("wall_ms", "wall ms"), ("cpu_ms", "own CPU ms"),
           ("server_ms", "server CPU ms"), ("rss_mb", "peak RSS MB"), ("items", "items"), ("raw", "bytes"),
           ("sent", "bytes gzip")]


def table(rows):
    cells = [[title for _, title in COLUMNS]]
    cells += [[row[key] if isinstance(row[key], str) else bench.number(row[key]) for key, _ in COLUMNS] for row in rows]
    widths = [max(len(line[n]) for line in cells) for n in range(len(COLUMNS))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths)) for line in cells)


def measure(base, bed, options):
    tree = os.path.realpath(os.path.join(bench.ROOT, "target/pg", str(options.major)))
    server = bench.Server(base, tree, SETTINGS)
    try:
        begun = time.monotonic()
        items, load = BEDS[bed](server)
        server.sql("postgres", "checkpoint")
        print(f"{bed}: made in {time.monotonic() - begun:.0f} s", file=sys.stderr)
        home = Home(base, server, options.binary)
        rows, broken = [], []
        for kind in ("first", "forced", "steady"):
            load()
            row, faults = run(home, server, bed, kind, items)
            rows.append(row)
            broken += faults
        return rows, broken
    finally:
        server.ctl("stop")


def main():
    parser = argparse.ArgumentParser(prog="scripts/beds")
    parser.add_argument("bed", nargs="?", default="all", choices=[*BEDS, "all"])
    parser.add_argument("--major", type=int, default=18)
    parser.add_argument("--binary", default=bench.BINARY)
    options = parser.parse_args()
    print(f"PostgreSQL {options.major}, {os.path.relpath(options.binary, bench.ROOT)}\n")
    failed = False
    for bed in BEDS if options.bed == "all" else [options.bed]:
        base = tempfile.mkdtemp(prefix="pga-beds-")
        os.chmod(base, 0o755)
        try:
            rows, broken = measure(base, bed, options)
        finally:
            shutil.rmtree(base, ignore_errors=True)
        print(table(rows), end="\n\n")
        for row in rows:
            said = ", ".join(f"{name} ({count})" for name, count in sorted(row["left_out"].items())) or "nothing"
            print(f"{row['bed']}, {row['kind']}: not complete: {said}")
        print("".join(f"BROKEN {fault}\n" for fault in broken), flush=True)
        failed |= bool(broken)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, bench.ended)
    main()
