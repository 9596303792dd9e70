"""What the benchmarks of the backend stand on: the program on a database of its own, the generator, and batches that the
real collector made."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request

import bench
import bench_server

TREE = os.path.realpath(os.path.join(bench.ROOT, "target/pg/18"))
API = os.path.join(bench.ROOT, "target/release/pganalytics-api")
LOAD = os.path.join(bench.ROOT, "target/release/examples/load")
SECRET = "bench-only"
# Durable: what an acknowledgement promises is on disk before it is given.
SETTINGS = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "autovacuum": "on",
            "shared_buffers": "256MB", "max_wal_size": "4GB", "track_wal_io_timing": "on",
            "pg_stat_statements.track": "'all'"}
TELL = ["fsync", "synchronous_commit", "full_page_writes", "data_checksums", "shared_buffers", "max_wal_size",
        "checkpoint_timeout", "autovacuum", "wal_level", "wal_compression", "jit", "shared_preload_libraries"]
FAMILIES = ["query_stats", "table_stats", "index_stats", "replication_status", "replication_slots", "wraparound_risk"]
TABLES = ["metrics", *FAMILIES, "latest", "query_texts", "batches", "collectors", "dead_letters"]
# What an item's arrays are called whose rows have tables of their own.
ARRAYS = {"pg_query_stats": ["queries"], "pg_stats": ["tables", "indexes"], "pg_replication": FAMILIES[3:]}


class Api:
    """The backend on a database of its own."""

    def __init__(self, base, server, database, program=API):
        server.sql("postgres", f"create database {database}")
        self.port = bench_server.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        env = {"PATH": os.environ["PATH"], "JWT_SECRET_KEY": "of-a-benchmark-and-of-nothing-else",
               "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{server.port}/{database}?sslmode=disable",
               "REGISTRATION_SECRET": SECRET, "LISTEN": f"127.0.0.1:{self.port}", "RETENTION_DAYS": "60",
               # Everybody registers from one address here.
               "RATE_LIMITS": "anonymous=60000,push=60000,registration=60000,user=60000"}
        self.env = env
        self.log = os.path.join(base, "api.log")
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([program, "serve"], env=env, stdout=log, stderr=log, cwd=base)
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{self.url}/api/v1/health", timeout=5).close()
                return
            except OSError:
                time.sleep(0.1)
        with open(self.log) as log:
            sys.exit(f"the backend does not become healthy: {log.read()}")

    def viewer(self):
        """The Authorization of a person who may look."""
        subprocess.run([API, "admin", "create-user", "bench", "--role", "viewer"], env=self.env, text=True, check=True,
                       input="of a benchmark alone\n", stdout=subprocess.DEVNULL)
        body = json.dumps({"username": "bench", "password": "of a benchmark alone"}).encode()
        with urllib.request.urlopen(f"{self.url}/api/v1/auth/login", body) as answer:
            return f"Bearer {json.load(answer)['token']}"

    def cpu_ms(self):
        return bench_server.cpu_ms(self.process.pid)

    def peak_rss_mb(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:")) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Load:
    """The generator, which waits for orders."""

    def __init__(self, base, api, batches, collectors):
        self.acknowledged = os.path.join(base, "acknowledged")
        files = []
        for name, (text, _) in batches.items():
            files.append(os.path.join(base, f"{name}.json"))
            with open(files[-1], "wb") as file:
                file.write(text)
        self.process = subprocess.Popen([LOAD, api.url, *files, str(collectors), self.acknowledged], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env=dict(os.environ, REGISTRATION_SECRET=SECRET))

    def say(self, line):
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def hear(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("the generator ended")
        return line

    def prepare(self, order):
        self.say(order)
        self.hear()

    def go(self):
        self.say("")
        ran = json.loads(self.hear())
        if not ran["ms"]:
            sys.exit(f"nothing was acknowledged: {ran['errors']}")
        return ran

    def cpu_ms(self):
        return bench_server.cpu_ms(self.process.pid)

    def end(self):
        self.process.stdin.close()
        if self.process.wait() != 0:
            sys.exit("the generator failed")


# Batches

def record(base):
    """A first batch and one of a steady minute, as the collector makes them of three databases; with their sizes when
    sealed."""
    server = bench.Server(base, TREE)
    try:
        databases, load = bench.make_bed(server, "small")
        home = bench.Home(base, server, databases, "trust", bench.BINARY)
        load()
        batches = {}
        for name, first in [("first", True), ("between", False), ("steady", False)]:
            load()
            subprocess.run(home.command(first), check=True, stdout=subprocess.DEVNULL)
            batches[name] = home.batch()
        return {name: batches[name] for name in ("first", "steady")}
    finally:
        server.ctl("stop")
        shutil.rmtree(server.data)


def records_of(text):
    """Items, and all records."""
    items = json.loads(text)["metrics"]
    return len(items), len(items) + sum(
        len(item.get(name) or []) for item in items for name in ARRAYS.get(item["type"], []))


# What is stored

def sizes(server):
    """Rows, and bytes of each table and of its indexes, with all partitions."""
    whole = {}
    for table in TABLES:
        found = server.sql("store", f"""
            select (select count(*) from {table}), sum(pg_table_size(relid)), sum(pg_indexes_size(relid))
            from (select relid from pg_partition_tree('{table}') where isleaf union select '{table}'::regclass) t""")
        whole[table] = tuple(map(int, found.strip().split("|")))
    return whole


def settings(server):
    named = ", ".join(f"'{name}'" for name in TELL)
    found = server.sql("postgres", f"select string_agg(format('`%s` %s', name, current_setting(name)), ', ' order by name)"
                                   f" from pg_settings where name in ({named})")
    return f"PostgreSQL's settings: {found.strip()}. The backend's are its defaults."
