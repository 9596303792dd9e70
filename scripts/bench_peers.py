"""Our cycle beside what others run for the same purpose, on the same server in the same minutes.

In turn, one round after the other: what a busy machine takes, it takes from all of them. Beside each stands how much it
brought home: a tool that reads one database, or no statement, is cheap for that reason. The floors read exactly what we
read: psql over one connection a database, and the time the server itself spent in our statements."""

import argparse
import gzip
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import bench
import bench_server

EXPORTER = "/usr/bin/prometheus-postgres-exporter"
CHECKS = ["autovac_freeze", "backends", "bloat", "commitratio", "connection", "database_size", "hitratio", "index_size",
          "last_analyze", "last_vacuum", "locks", "query_time", "sequence", "table_size", "txn_wraparound"]
PEER = "bench_peer"
COLUMNS = [("wall", "wall ms, best (median)"), ("spread", "quartiles"), ("ratio", "median: ours"),
           ("cpu", "own CPU ms, median"), ("server", "server CPU ms, mean"), ("connections", "connections"),
           ("statements", "statements"), ("rss_mb", "peak RSS MB"), ("raw", "bytes"), ("sent", "bytes gzip"),
           ("fields", "fields")]
OURS = "pganalytics, steady"


class Cycle:
    """A run of ours."""

    user = "bench_trust"

    def __init__(self, home, first):
        self.home, self.first = home, first

    def __call__(self, server):
        if self.first:
            self.home.forget()
        return bench.timed(self.home.command(self.first), server)

    def yields(self):
        text, sent = self.home.batch()
        return dict(raw=len(text), sent=sent, fields=bench.leaves(json.loads(text)["metrics"]),
                    rss_mb=bench.peak_rss_mb(self.home.command(self.first)))


class Psql:
    """The statements that the server logged of a steady minute of ours."""

    user = PEER

    def __init__(self, command, env):
        self.command, self.env = command, env

    def __call__(self, server):
        return bench.timed(self.command, server, self.env)

    def yields(self):
        return dict(rss_mb=bench.peak_rss_mb(self.command, self.env))


class Scrape:
    """The exporter: cold, from its start to its first page; or the next page of one that runs."""

    user = PEER

    def __init__(self, server, every_database, cold):
        self.port = None
        self.cold = cold
        self.env = {"PATH": os.environ["PATH"], "DATA_SOURCE_NAME":
                    f"postgresql://{PEER}@127.0.0.1:{server.port}/postgres?sslmode=disable"}
        if every_database:
            self.env["PG_EXPORTER_AUTO_DISCOVER_DATABASES"] = "true"
        self.process = None
        self.page = b""
        if not cold:
            self.start()
            self.read()

    def start(self):
        self.port = bench_server.free_port()
        self.process = subprocess.Popen([EXPORTER, f"--web.listen-address=127.0.0.1:{self.port}"], env=self.env,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def read(self):
        for _ in range(2000):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=60) as reply:
                    self.page = reply.read()
                    return
            except OSError:
                if self.process.poll() is not None:
                    sys.exit("the exporter ended")
                time.sleep(0.005)
        sys.exit("the exporter does not answer")

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def __call__(self, server):
        before, own = server.cpu_ms(), 0
        begun = time.monotonic()
        if self.cold:
            self.start()
        else:
            own = bench_server.cpu_ms(self.process.pid)
        self.read()
        wall = time.monotonic() - begun
        own = bench_server.cpu_ms(self.process.pid) - own
        if self.cold:
            self.stop()
            server.settle()
        return wall * 1000, own, server.cpu_ms() - before

    def yields(self):
        if self.cold:
            self.start()
            self.read()
        rss = status_mb(self.process.pid, "VmHWM")
        self.stop()
        samples = sum(1 for line in self.page.splitlines() if not line.startswith(b"#"))
        return dict(raw=len(self.page), sent=len(gzip.compress(self.page, 6)), fields=samples, rss_mb=rss)


class Checks:
    """A process for each check, as a monitoring server starts them."""

    user = PEER

    def __init__(self, server):
        at = ["--host=127.0.0.1", f"--port={server.port}", f"--dbuser={PEER}", "--dbname=app01"]
        self.commands = [["/usr/bin/check_postgres", f"--action={check}", *at] for check in CHECKS]
        self.told = b""

    def __call__(self, server):
        before, used = server.cpu_ms(), os.times()
        begun = time.monotonic()
        # Their exit codes are their findings.
        self.told = b"".join(subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
                             for command in self.commands)
        wall = time.monotonic() - begun
        now = os.times()
        own = now.children_user + now.children_system - used.children_user - used.children_system
        server.settle()
        return wall * 1000, own * 1000, server.cpu_ms() - before

    def yields(self):
        rss = max(bench.peak_rss_mb(["sh", "-c", '"$@" || true', "sh", *command]) for command in self.commands)
        return dict(raw=len(self.told), sent=len(gzip.compress(self.told, 6)), fields=len(self.commands), rss_mb=rss)


def status_mb(pid, name):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(f"{name}:")) / 1024


def floor(base, server, home, load):
    """Of a steady minute of ours: a psql script that asks the same, and the server's own milliseconds."""
    load()
    server.sql("postgres", "alter system set log_duration = on")
    entries = server.logged(lambda: bench.timed(home.command(False), server))
    server.sql("postgres", "alter system reset log_duration; select pg_reload_conf()")
    counts = bench.counted(entries, Cycle.user)
    script = os.path.join(base, "floor.sql")
    at_first = bench.replay(counts["entries"], script)
    spent = sum(float(match[1]) for entry in entries if entry.get("user") == Cycle.user
                for match in re.finditer(r"duration: ([\d.]+) ms", entry.get("message", "")))
    return Psql([*server.psql(at_first, PEER), "-o", "/dev/null", "-f", script], server.env), spent


def contenders(base, server, databases, load):
    home = bench.Home(base, server, databases, "trust", bench.BINARY)
    bench.timed(home.command(True), server)
    psql, spent = floor(base, server, home, load)
    every = {"pganalytics, everything due": Cycle(bench.Home(base, server, databases, "trust", bench.BINARY), True),
             OURS: Cycle(home, False), "psql, the same statements": psql,
             "postgres_exporter, one database, cold": Scrape(server, False, True),
             "postgres_exporter, one database, next": Scrape(server, False, False),
             "postgres_exporter, all databases, cold": Scrape(server, True, True),
             "postgres_exporter, all databases, next": Scrape(server, True, False),
             "check_postgres, 15 checks of one database": Checks(server)}
    return every, spent


def measure(base, server, bed, runs):
    databases, load = bench.make_bed(server, bed)
    server.sql("postgres", f"create role {PEER} login in role pg_monitor")
    every, spent = contenders(base, server, databases, load)
    # The exporters that run keep their connections.
    server.resting = len(bench_server.children(server.pid))
    counts = {name: bench.counted(server.logged(lambda it=it: it(server)), it.user) for name, it in every.items()}
    samples = {name: [] for name in every}
    for _ in range(runs):
        load()
        for name, it in every.items():
            samples[name].append(it(server))
    ours = statistics.median(wall for wall, _, _ in samples[OURS])
    rows = [row(name, samples[name], ours, counts[name], it.yields()) for name, it in every.items()]
    return rows, spent


def row(name, samples, ours, counts, yields):
    walls, cpus, servers = zip(*samples)
    quartiles = statistics.quantiles(walls, n=4)
    return dict(name=name, wall=f"{bench.number(min(walls))} ({bench.number(statistics.median(walls))})",
                spread=f"{bench.number(quartiles[0])} to {bench.number(quartiles[2])}",
                ratio=f"{statistics.median(walls) / ours:.2f}", cpu=bench.number(statistics.median(cpus)),
                server=bench.number(statistics.mean(servers)), server_ms=statistics.mean(servers), wall_ms=ours,
                connections=counts["connections"], statements=counts["statements"],
                **{key: bench.number(value) for key, value in yields.items()})


def table(rows, spent):
    lines = ["| | " + " | ".join(title for _, title in COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    lines += ["| " + " | ".join([r["name"], *(str(r.get(key, "-")) for key, _ in COLUMNS)]) + " |" for r in rows]
    ours = next(r for r in rows if r["name"] == OURS)
    path = ours["server_ms"] / os.cpu_count()
    return "\n".join(lines) + (
        f"\n\nThe server spent {bench.number(spent)} ms in the statements of that steady minute by its own clock, and "
        f"{bench.number(ours['server_ms'])} ms of CPU, its processes' start and end included: shared evenly by "
        f"{os.cpu_count()} cores that is {bench.number(path)} ms, the least that a run could take. Ours takes "
        f"{ours['wall_ms'] / path:.2f} times that.")


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench peers")
    parser.add_argument("what", choices=["peers"])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--write", action="store_true", help="lay the tables into docs/BENCHMARKS.md")
    options = parser.parse_args()
    load_before = os.getloadavg()[0]
    told = []
    for bed in bench.ABOUT:
        base = tempfile.mkdtemp(prefix="pga-bench-")
        os.chmod(base, 0o755)
        server = None
        try:
            server = bench.Server(base, settings={"max_connections": "350"})
            rows, spent = measure(base, server, bed, options.runs)
            told.append(f"#### {bed}: {bench.ABOUT[bed]}\n\n{table(rows, spent)}")
        finally:
            if server:
                server.ctl("stop")
            shutil.rmtree(base, ignore_errors=True)
    text = "\n\n".join([bench.surroundings(load_before), *told])
    print(text)
    if options.write:
        bench.lay_into_document(text, "scripts/bench peers")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, bench.ended)
    main()
