"""The backend under load: a real server, the real program, and collectors that are simulated by real pushes of batches
that the real collector made.

Called by scripts/bench-api, which builds and fetches. A record is one stored row: an item, or one row of a hot family.
CPU of the backend and of the generator is what /proc tells of them; CPU of the server is that of the postmaster, its
live children and its reaped ones. What was acknowledged is compared with what is stored, id by id and row by row."""

import argparse
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time

import bench
import bench_growth
import bench_panels
from bench_backend import FAMILIES, SETTINGS, TREE, Api, Load, record, records_of, settings, sizes

# The floors of the contract.
RECORDS_PER_S = 10_000
GOALS = dict(records_s=f">= {RECORDS_PER_S:,}", p99="< 50", errors="< 1 %", rss_mb="< 1,024")


def told_of(batches):
    rows = ["| | items | records | bytes | bytes gzip |", "|---" * 5 + "|"]
    for name, title in [("first", "a collector's first batch"), ("steady", "the reference batch: a steady minute")]:
        text, sealed = batches[name]
        items, records = records_of(text)
        rows.append(f"| {title} | {items} | {records} | {len(text):,} | {sealed:,} |")
    return "\n".join(rows)


# Running

class Used:
    """What everybody has used up to now."""

    def __init__(self, server, api, load):
        self.cpu = [who.cpu_ms() for who in (api, server, load)]
        wal = server.sql("postgres", "select wal_bytes, wal_fpi from pg_stat_wal")
        syncs = server.sql("postgres", "select sum(fsyncs), sum(fsync_time) from pg_stat_io where object = 'wal'")
        self.wal, self.pages = map(int, wal.strip().split("|"))
        self.syncs, self.sync_ms = map(float, syncs.strip().split("|"))

    def since(self, before):
        cpu = [now - was for now, was in zip(self.cpu, before.cpu)]
        return cpu, *(getattr(self, name) - getattr(before, name) for name in ("wal", "pages", "syncs", "sync_ms"))


def phase(name, server, api, load, order):
    """One run of the generator, and what it cost everybody; then what vacuum costs of what it stored."""
    load.prepare(order)
    vacuum(server)
    average = os.getloadavg()[0]
    before = Used(server, api, load)
    ran = load.go()
    (api_ms, server_ms, load_ms), wal, pages, syncs, sync_ms = Used(server, api, load).since(before)
    rss = api.peak_rss_mb()
    before = Used(server, api, load)
    vacuum(server)
    (_, vacuum_ms, _), vacuum_wal, *_ = Used(server, api, load).since(before)
    pushes, records = len(ran["ms"]), ran["records"]
    cuts = statistics.quantiles(ran["ms"], n=100, method="inclusive")
    print(f"{name}: {records / ran['seconds']:,.0f} records/s, p99 {cuts[98]:.1f} ms, load average before {average:.2f}",
          file=sys.stderr, flush=True)
    return dict(name=name, records_s=records / ran["seconds"], pushes_s=pushes / ran["seconds"], p50=cuts[49],
                p95=cuts[94], p99=cuts[98], max=max(ran["ms"]), errors=sum(ran["errors"].values()),
                said=ran["errors"], pushes=pushes, records=records,
                api_push=api_ms / pushes, api_1000=api_ms / records * 1000,
                server_push=server_ms / pushes, server_1000=server_ms / records * 1000,
                load_push=load_ms / pushes, rss_mb=rss, wal=wal / records, pages=pages / pushes,
                busy=(api_ms + server_ms + load_ms) / ran["seconds"] / 10 / os.cpu_count(),
                syncs=syncs / pushes, sync_ms=sync_ms / max(syncs, 1), average=average,
                vacuum_1000=vacuum_ms / records * 1000, vacuum_wal=vacuum_wal / records)


def vacuum(server):
    """As autovacuum would in its time: what a run stored is not the next one's burden."""
    server.sql("store", "vacuum analyze; checkpoint")
    server.settle()


def verify(server, load):
    """Acknowledged and not stored, stored and not acknowledged; rows that are told and rows that are there."""
    rows = " + ".join(f"(select count(*) from {table})" for table in ["metrics", *FAMILIES])
    found = server.sql("store", f"""
        create temporary table acknowledged (batch_id text);
        \\copy acknowledged from '{load.acknowledged}'
        select (select count(*) from acknowledged)
            , (select count(*) from acknowledged left join batches using (batch_id) where num is null)
            , (select count(*) from batches left join acknowledged a using (batch_id) where a.batch_id is null)
            , (select sum(records) from batches), {rows}""")
    acknowledged, lost, extra, told, there = map(int, found.strip().split("|"))
    text = (f"Of {acknowledged:,} batches that were acknowledged {lost} are missing, {extra} are there that were not; "
            f"{told:,} records were told, {there:,} rows are there.")
    if lost or extra or told != there:
        sys.exit(f"LOST: {text}")
    return text, there


def statements(server, pushes):
    """What the server was asked for each push, as pg_stat_statements has it."""
    found = server.sql("postgres", f"""
        select left(split_part(regexp_replace(query, '\\s+', ' ', 'g'), '(', 1), 60), round(calls::numeric / {pushes}, 2)
            , round((total_exec_time / {pushes})::numeric, 3), round(wal_bytes / {pushes})
        from pg_stat_statements s join pg_database d on d.oid = s.dbid and d.datname = 'store'
        where calls > {pushes} / 2 and toplevel order by total_exec_time desc limit 8""")
    lines = ["| statement | calls/push | ms/push | WAL bytes/push |", "|---" * 4 + "|"]
    for line in found.strip().splitlines():
        query, calls, ms, wal = line.split("|")
        lines.append(f"| `{query.strip()}` | {calls} | {ms} | {int(wal):,} |")
    return "\n".join(lines)


def sync_probe(base):
    """What the disk takes for the least that a commit needs: with others at work on it, that is what is measured."""
    times = []
    with open(os.path.join(base, "probe"), "wb") as file:
        for _ in range(500):
            file.write(bytes(8192))
            start = time.monotonic()
            file.flush()
            os.fdatasync(file.fileno())
            times.append((time.monotonic() - start) * 1000)
    cuts = statistics.quantiles(times, n=100)
    return (f"Writing 8 kB and syncing them takes this disk {cuts[49]:.2f} ms (median), {cuts[98]:.2f} ms (p99), "
            f"{max(times):.1f} ms (the longest of {len(times)}).")


# Telling

COLUMNS = [("records_s", "records/s"), ("pushes_s", "pushes/s"), ("p50", "p50 ms"), ("p95", "p95 ms"),
           ("p99", "p99 ms"), ("max", "max ms"), ("errors", "errors"), ("api_push", "API CPU ms/push"),
           ("api_1000", "API CPU ms/1,000 records"), ("server_push", "PostgreSQL CPU ms/push"),
           ("server_1000", "PostgreSQL CPU ms/1,000 records"), ("load_push", "generator CPU ms/push"),
           ("busy", "CPU of all three, % of the machine"), ("rss_mb", "API peak RSS MB, so far"),
           ("wal", "WAL bytes/record"), ("pages", "of them full pages/push"), ("syncs", "WAL syncs/push"),
           ("sync_ms", "ms/WAL sync"), ("vacuum_1000", "vacuum later: PostgreSQL CPU ms/1,000 records"),
           ("vacuum_wal", "vacuum later: WAL bytes/record"), ("average", "load average before")]


def table_of(rows):
    """Figures below each other: there are more of them than runs."""
    lines = ["| " + " | ".join(["", *(row["name"] for row in rows), "goal"]) + " |", "|---" * (len(rows) + 2) + "|"]
    for key, title in COLUMNS:
        cells = [bench.number(row[key]) for row in rows]
        lines.append("| " + " | ".join([title, *cells, GOALS.get(key, "-")]) + " |")
    return "\n".join(lines)


def sizes_table(whole, records):
    lines = ["| table | rows | bytes of the table | of its indexes | bytes/row | bytes/record |", "|---" * 6 + "|"]
    everything = (records, *(sum(sizes[n] for sizes in whole.values()) for n in (1, 2)))
    for table, (rows, table_bytes, index_bytes) in [*whole.items(), ("all", everything)]:
        if rows:
            both = table_bytes + index_bytes
            lines.append(f"| {table} | {rows:,} | {table_bytes:,} | {index_bytes:,} | {both / rows:,.0f} | "
                         f"{both / records:,.1f} |")
    return "\n".join(lines)


def load_bench(base, options):
    """First contact, then as fast as it goes, then at the floors' rates: so many collectors that each pushes once a
    minute there."""
    batches = record(base)
    _, records = records_of(batches["steady"][0])
    collectors = options.collectors or int(RECORDS_PER_S / records * 60) + 1
    server = bench.Server(base, TREE, SETTINGS)
    api = None
    try:
        syncing = sync_probe(base)
        api = Api(base, server, "store")
        load = Load(base, api, batches, collectors)
        orders = [("first batches, 4 at a time", "first 4")]
        # What the fast ones wrote is in the disk's way for some time: they come last.
        orders += [(f"{goal:,} records/s", f"open {goal / records} {options.seconds}")
                   for goal in (RECORDS_PER_S // 2, RECORDS_PER_S)]
        orders += [(f"{threads} at a time", f"closed {threads} 4500 {options.seconds // 3}") for threads in (1, 4, 16)]
        rows = []
        for name, order in orders:
            server.sql("postgres", "select pg_stat_statements_reset()")
            rows.append(phase(name, server, api, load, order))
            if name.startswith(f"{RECORDS_PER_S:,} "):
                asked = statements(server, rows[-1]["pushes"])
        load.end()
        kept, there = verify(server, load)
        told = [settings(server), f"{collectors:,} collectors. {syncing}", told_of(batches), table_of(rows), kept,
                *(f"{row['name']}: {row['said']}" for row in rows if row["said"]),
                "What is stored, after a vacuum and a checkpoint:", sizes_table(sizes(server), there),
                f"What PostgreSQL was asked at {RECORDS_PER_S:,} records/s:", asked]
        return "\n\n".join(told)
    finally:
        if api:
            api.stop()
        server.ctl("stop")


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench-api")
    parser.add_argument("what", choices=["load", "growth", "panels"])
    parser.add_argument("--seconds", type=int, default=60, help="of a run at a fixed rate; others take a third of it")
    parser.add_argument("--collectors", type=int, help="in place of as many as push once a minute each")
    parser.add_argument("--write", action="store_true", help="lay the tables into docs/BENCHMARKS.md")
    options = parser.parse_args()
    load_before = os.getloadavg()[0]
    base = tempfile.mkdtemp(prefix="pga-bench-api-")
    os.chmod(base, 0o755)
    try:
        match options.what:
            case "load":
                told = load_bench(base, options)
            case "growth":
                told = bench_growth.growth_bench(base)
            case _:
                told = bench_panels.panels_bench(base)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    text = f"{bench.surroundings(load_before, TREE)}\n\n{told}"
    print(text)
    if options.write:
        bench.lay_into_document(text, f"scripts/bench-api {options.what}")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, bench.ended)
    main()
