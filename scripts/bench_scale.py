"""How the cost of a run grows: with databases, with statements, with tables; and what the sizes of the deployment guide
cost. One thing grows at a time, on one server, so that the rows of a table differ by it alone."""

import argparse
import json
import os
import shutil
import signal
import statistics
import sys
import tempfile
from functools import partial

import bench
import beds

DATABASES = [1, 10, 25, 50, 100, 500]
STATEMENTS = [100, 5_000, 50_000]
TABLES = [50, 1_000, 10_000]
# Of the deployment guide: databases watched by one run, and the keys it gives for that many.
SIZES = [(25, dict(limit=100, pool=(1, 5), threads=2)), (50, dict(limit=500, pool=(2, 10), threads=4)),
         (100, dict(limit=1000, pool=(3, 15), threads=8)), (200, dict(limit=5000, pool=(5, 20), threads=16))]
SETTINGS = {"pg_stat_statements.max": "60000", "max_locks_per_transaction": "1024", "max_connections": "60"}
COLUMNS = [("wall", "wall ms, best (median)"), ("cpu", "own CPU ms, median"), ("server", "server CPU ms, mean"),
           ("connections", "connections"), ("statements", "statements"), ("failing", "failing"),
           ("rss_mb", "peak RSS MB"), ("raw", "bytes"), ("sent", "bytes gzip"), ("fields", "fields")]


def measured(server, home, load, runs):
    """A steady minute: its row of the table."""
    bench.timed(home.command(True), server)
    load()
    counts = bench.counted(server.logged(lambda: bench.timed(home.command(False), server)), "bench_trust")
    samples = []
    for _ in range(runs):
        load()
        samples.append(bench.timed(home.command(False), server))
    walls, cpus, servers = zip(*samples)
    text, sent = home.batch()
    return dict(wall=f"{bench.number(min(walls))} ({bench.number(statistics.median(walls))})",
                cpu_ms=statistics.median(cpus), cpu=bench.number(statistics.median(cpus)),
                server=bench.number(statistics.mean(servers)), connections=counts["connections"],
                statements=counts["statements"], failing=counts["failing"],
                rss_mb=bench.number(bench.peak_rss_mb(home.command(False))), raw=bench.number(len(text)),
                sent=bench.number(sent), fields=bench.number(bench.leaves(json.loads(text)["metrics"])))


def home_with(base, server, databases, more=""):
    home = bench.Home(base, server, databases, "trust", bench.BINARY)
    with open(f"{home.dir}/collector.toml", "a") as file:
        file.write(more)
    return home


def add_databases(server, there, count):
    if not there:
        server.sql("postgres", "create database pattern")
        server.sql("pattern", "create extension pg_stat_statements;" + "".join(
            f"create table t{n} (id int primary key, a int); create index on t{n} (a);"
            f"insert into t{n} select g, g from generate_series(1, 200) g;" for n in range(5)))
    beds.each(server, "postgres", f"'create database d%s template pattern', n + {len(there)}", count - len(there))
    return [f"d{n}" for n in range(1, count + 1)]


def by_databases(base, server, runs):
    names = []
    for count in DATABASES:
        names = add_databases(server, names, count)
        load = partial(server.sql, "d1", "update t1 set a = a + 1 where id < 20")
        yield f"{count:,}", measured(server, home_with(base, server, names), load, runs)


def by_statements(base, server, runs):
    columns = ", ".join(f"c{n} int" for n in range(17))
    server.sql("postgres", f"create table wide ({columns})")
    texts = ["select " + ", ".join(f"c{bit}" for bit in range(17) if n >> bit & 1) + " from wide;\n"
             for n in range(1, max(STATEMENTS) + 1)]
    made = 0
    for count in STATEMENTS:
        server.sql("postgres", "".join(texts[made:count]))
        made = count
        load = partial(server.sql, "postgres", "".join(texts[:50]))
        yield f"{count:,}", measured(server, home_with(base, server, ["postgres"]), load, runs)


def by_tables(base, server, runs):
    server.sql("postgres", "create database tables")
    made = 0
    for count in TABLES:
        beds.each(server, "tables", f"'create table t%s (id int primary key, a int, b text)', n + {made}", count - made)
        made = count
        server.sql("tables", "analyze")
        load = partial(server.sql, "tables", "insert into t7 select coalesce(max(id), 0) + 1, 1, 'x' from t7")
        yield f"{count:,}", measured(server, home_with(base, server, ["tables"]), load, runs)


def by_size(base, server, runs):
    """Five tables, ten indexes and, from the second on, some hundred statements a database."""
    names = []
    for count, keys in SIZES:
        names = add_databases(server, names, count)
        for name in names[:20]:
            server.sql(name, "".join(f"select count(*) from t{n % 5} where id = {n} or a in ({ones(n)});\n"
                                     for n in range(250)))
        low, high = keys["pool"]
        more = (f"[postgresql]\nquery_stats_limit = {keys['limit']}\npool_min_size = {low}\npool_max_size = {high}\n"
                f"[collector_threading]\nthread_pool_size = {keys['threads']}\n")
        load = partial(server.sql, "d1", "update t1 set a = a + 1 where id < 20")
        row = measured(server, home_with(base, server, names, more), load, runs)
        row["share"] = f"{row['cpu_ms'] / 600:.2f} %"
        yield f"{count:,} | {keys['limit']:,} | {low}/{high} | {keys['threads']}", row


def ones(n):
    return ", ".join(["1"] * (n + 1))


def table(head, rows, columns):
    lines = [f"| {head} | " + " | ".join(title for _, title in columns) + " |"]
    lines.append("|---" * (len(columns) + head.count("|") + 1) + "|")
    lines += [f"| {name} | " + " | ".join(str(row[key]) for key, _ in columns) + " |" for name, row in rows]
    return "\n".join(lines)


def on_a_server(growth, runs):
    base = tempfile.mkdtemp(prefix="pga-bench-")
    os.chmod(base, 0o755)
    server = None
    try:
        server = bench.Server(base, settings=SETTINGS)
        return list(growth(base, server, runs))
    finally:
        if server:
            server.ctl("stop")
        shutil.rmtree(base, ignore_errors=True)


def scale(runs):
    told = []
    for title, head, growth in [
        ("Databases, each with 5 tables and 10 indexes", "databases", by_databases),
        ("Statements that the server knows, one database", "statements", by_statements),
        ("Tables with a key each, one database", "tables", by_tables),
    ]:
        told.append(f"#### {title}\n\n{table(head, on_a_server(growth, runs), COLUMNS)}")
    return told


def sizing(runs):
    head = "databases | `query_stats_limit` | pool min/max | threads"
    return [table(head, on_a_server(by_size, runs), [("share", "own CPU of a minute"), *COLUMNS])]


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("what", choices=["scale", "sizing"])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="lay the tables into the document")
    options = parser.parse_args()
    load_before = os.getloadavg()[0]
    told = {"scale": scale, "sizing": sizing}[options.what](options.runs)
    text = "\n\n".join([bench.surroundings(load_before), *told])
    print(text)
    if options.write:
        document = {"scale": bench.DOCUMENT, "sizing": os.path.join(bench.ROOT, "docs/SIZING.md")}[options.what]
        bench.lay_into_document(text, f"scripts/bench {options.what}", document)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, bench.ended)
    sys.exit(main())
