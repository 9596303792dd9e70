"""What a run of the release binary costs: client, server and wire, on beds of several sizes.

Called by scripts/bench, which builds and fetches. CPU of a client is its rusage, CPU of the server is what the
postmaster, its live children and its reaped ones have used. Connections and statements come from the server's log, in
a pass of its own. The psql beside it runs the statements of that log, over one connection a database, in turn."""

import argparse
import datetime
import gzip
import http.server
import json
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zlib

import bench_goals
from bench_server import PASSWORD, ROOT, TREE, Server

BINARY = os.path.join(ROOT, "target/release/pganalytics")
DOCUMENT = os.path.join(ROOT, "docs/BENCHMARKS.md")

ABOUT = {
    "small": "3 databases, 20 tables and 40 indexes each",
    "hundred": "100 databases, 5 tables and 10 indexes each",
    "bed": "21 databases, 20 of them with 50 tables of 200 rows and 100 indexes; 5,000 distinct statements",
}


# Beds

def make_bed(server, bed):
    """Gives back the databases to watch, and a function that puts some load on them."""
    count, tables, shapes = {"small": (3, 20, 60), "hundred": (100, 5, 0), "bed": (20, 50, 250)}[bed]
    names = [f"app{n:02}" for n in range(1, count + 1)]
    server.sql("postgres", "create database pattern")
    server.sql("pattern", "create extension pg_stat_statements;" + "".join(
        f"create table t{t:02} (id serial primary key, a int, b text);"
        f"insert into t{t:02} (a, b) select n, md5(n::text) from generate_series(1, 200) n;"
        f"create index on t{t:02} (a);" for t in range(1, tables + 1)) + "vacuum analyze;")
    server.sql("postgres", "".join(f"create database {name} template pattern;\n" for name in names)
               + "drop database pattern; checkpoint;")
    filters = ["id = 7", "a = 7", "a > 190 and id < 5", "b = 'x'", "id < 3 or a < 3", "a between 3 and 5"]
    texts = [f"select count(*) from t{n % tables + 1:02} where {filters[n // tables % 6]};\n" for n in range(shapes)]
    for name in names if shapes else []:
        server.sql(name, "".join(texts))

    def load():
        for name in names[:3]:
            server.sql(name, "".join(texts[:40]) or "select count(*) from t01 where id = 7;")
            server.sql(name, "update t01 set a = a + 1 where id < 20; insert into t02 (a, b) values (1, 'x');")
    return ("*" if bed == "bed" else names), load


# Clients

class Sink(threading.Thread):
    """A backend that acknowledges every batch, and keeps the last."""

    def __init__(self):
        super().__init__(daemon=True)
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                sink.body = self.rfile.read(int(self.headers["Content-Length"]))
                head = zlib.decompressobj(31).decompress(sink.body, 2000).decode(errors="replace")
                batch_id = re.search(r'"batch_id":"([^"]+)"', head)[1]
                answer = json.dumps({"status": "success", "batch_id": batch_id}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.body = b""
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def run(self):
        self.http.serve_forever()


class Home:
    """A configuration with a state directory and a target of its own."""

    def __init__(self, base, server, databases, auth, binary, sink=None):
        self.dir = tempfile.mkdtemp(dir=base)
        self.binary = binary
        self.server = server
        self.sink = sink
        url = sink.url if sink else f"file://{self.dir}/out"
        tls = f'sslmode = "verify-full"\nsslrootcert = "{server.roots}"' if auth == "tls" else ""
        config = f"""
[collector]
id = "bench"
hostname = "bench"
state_dir = "{self.dir}/state"
[backend]
url = "{url}"
token = "bench"
[postgres]
host = "127.0.0.1"
port = {server.port}
user = "bench_{auth}"
password = "{PASSWORD if auth == 'scram' else ''}"
databases = {json.dumps(databases)}
{tls}
[logging]
file_path = "{self.dir}/collector.log"
"""
        with open(os.path.join(self.dir, "collector.toml"), "w") as file:
            file.write(config)

    def command(self, first):
        return [self.binary, "--config", f"{self.dir}/collector.toml", "cron", *(["--force"] if first else [])]

    def forget(self):
        shutil.rmtree(f"{self.dir}/state", ignore_errors=True)
        shutil.rmtree(f"{self.dir}/out", ignore_errors=True)

    def batch(self):
        """The text of the last batch, and how many bytes it was when sealed."""
        if self.sink:
            return gzip.decompress(self.sink.body), len(self.sink.body)
        out = f"{self.dir}/out"
        with open(os.path.join(out, sorted(os.listdir(out))[-1]), "rb") as file:
            text = file.read().splitlines()[-1]
        with open(f"{self.dir}/status.json") as file:
            return text, json.load(file)["last_run"]["bytes_compressed"]


def timed(command, server, env=None):
    """Wall, own CPU and the server's CPU, in milliseconds."""
    server.settle()
    before = server.cpu_ms()
    start = time.monotonic()
    child = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, close_fds=False)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    server.settle()
    if child.returncode != 0:
        sys.exit(f"exit code {child.returncode} of {' '.join(command)}")
    return wall * 1000, (usage.ru_utime + usage.ru_stime) * 1000, server.cpu_ms() - before


def peak_rss_mb(command, env=None):
    """As GNU time sees it: a child of ours would be charged with our own size."""
    done = subprocess.run(["/usr/bin/time", "-f", "%M", *command], env=env, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True)
    return int(done.stderr.split()[-1]) / 1024


def leaves(value):
    if isinstance(value, dict):
        return sum(leaves(v) for v in value.values())
    if isinstance(value, list):
        return sum(leaves(v) for v in value)
    return 1


def counted(entries, user):
    mine = [e for e in entries if e.get("user") == user]
    statements = [e for e in mine if re.match(r"statement: |execute ", e.get("message", ""))]
    return dict(connections=sum("connection authorized" in e.get("message", "") for e in mine),
                statements=len(statements), failing=sum(e["error_severity"] in ("ERROR", "FATAL") for e in mine),
                entries=statements)


def replay(entries, path):
    """The logged statements as a psql script: a connection for each session, in the order of their beginnings. Gives
    back where psql has to connect for the first of them."""
    sessions = {}
    for entry in entries:
        sessions.setdefault(entry["session_id"], []).append(entry)
    databases = [session[0]["dbname"] for session in sessions.values()]
    with open(path, "w") as script:
        for n, session in enumerate(sessions.values()):
            script.write(f"\\connect {databases[n]}\n" if n else "")
            script.writelines(literal(entry) + "\n;\n" for entry in session)
    return databases[0]


def literal(entry):
    text = entry["message"].split(": ", 1)[1]
    values = dict(re.findall(r"\$(\d+) = (NULL|'(?:[^']|'')*')", entry.get("detail", "")))
    return re.sub(r"\$(\d+)\b", lambda m: values.get(m[1], m[0]), text)


# Measuring

def measure(base, server, bed, databases, load, auth, runs, against):
    """Two rows for each contender: the first run, in which everything is due, and a steady minute."""
    sink = Sink()
    sink.start()
    contenders = {"pganalytics": Home(base, server, databases, auth, BINARY),
                  "pganalytics, to HTTP": Home(base, server, databases, auth, BINARY, sink)}
    if against:
        contenders["the other build"] = Home(base, server, databases, auth, against)
    ours = contenders["pganalytics"]
    user = f"bench_{auth}"
    env = dict(server.env, PGPASSWORD=PASSWORD)
    if auth == "tls":
        env.update(PGSSLMODE="verify-full", PGSSLROOTCERT=server.roots)
    rows = []
    for first in (True, False):
        script = os.path.join(base, "replay.sql")

        def once(home):
            if first:
                home.forget()
            else:
                load()
            return home.command(first)

        for home in contenders.values():  # once to warm up, and so that a steady minute has one before it
            timed(once(home), server)
        counts = counted(server.logged(lambda: timed(once(ours), server)), user)
        at_first = replay(counts["entries"], script)
        psql = [*server.psql(at_first, user), "-o", "/dev/null", "-f", script]
        psql_counts = counted(server.logged(lambda: timed(psql, server, env)), user)
        samples = {name: [] for name in [*contenders, "psql"]}
        for _ in range(runs):
            for name, home in contenders.items():
                samples[name].append(timed(once(home), server))
            samples["psql"].append(timed(psql, server, env))
        kind = "first" if first else "steady"
        for name, home in contenders.items():
            text, sent = home.batch()
            rss = max(peak_rss_mb(once(home)) for _ in range(3))
            rows.append(row(bed, auth, kind, name, samples[name], counts, raw=len(text), sent=sent, rss_mb=rss,
                            fields=leaves(json.loads(text)["metrics"])))
        rss = peak_rss_mb(psql, env)
        rows.append(row(bed, auth, kind, "psql", samples["psql"], psql_counts, rss_mb=rss))
    return rows


def row(bed, auth, kind, name, samples, counts, **more):
    walls, cpus, servers = zip(*samples)
    return dict(bed=bed, auth=auth, kind=kind, name=name, wall_ms=min(walls), wall_median=statistics.median(walls),
                cpu_ms=min(cpus), cpu_median=statistics.median(cpus), server_ms=statistics.mean(servers),
                connections=counts["connections"],
                statements=counts["statements"], failing=counts["failing"], **more)


# Telling

COLUMNS = [("wall_ms", "wall ms, best (median)"), ("cpu_ms", "own CPU ms, best (median)"),
           ("server_ms", "server CPU ms, mean"), ("connections", "connections"), ("statements", "statements"),
           ("failing", "failing"), ("rss_mb", "peak RSS MB"), ("raw", "bytes"), ("sent", "bytes gzip"),
           ("fields", "fields")]
MIDDLE = {"wall_ms": "wall_median", "cpu_ms": "cpu_median"}


def number(value):
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def cell(row, key):
    if key in MIDDLE and MIDDLE[key] in row:
        return f"{number(row[key])} ({number(row[MIDDLE[key]])})"
    return number(row.get(key))


def table(rows):
    head = ["", *(title for _, title in COLUMNS)]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for r in rows:
        label = f"{r['auth']}, {r['kind']}, {r['name']}"
        lines.append("| " + " | ".join([label, *(cell(r, key) for key, _ in COLUMNS)]) + " |")
    return "\n".join(lines)


def footprint():
    """What there is before anything is measured on a server."""
    version = subprocess.run([BINARY, "--version"], capture_output=True, text=True, check=True).stdout.split("\n")[0]
    starts = []
    for _ in range(200):
        start = time.monotonic()
        subprocess.run([BINARY, "--version"], stdout=subprocess.DEVNULL, check=True, close_fds=False)
        starts.append((time.monotonic() - start) * 1000)
    tree = subprocess.run(["cargo", "tree", "-e", "normal", "--prefix", "none"], cwd=ROOT, capture_output=True,
                          text=True, check=True).stdout
    crates = {line.removesuffix(" (*)") for line in tree.splitlines() if line}
    return (f"| | |\n|---|---|\n| version | {version} |\n"
            f"| release binary | {os.path.getsize(BINARY):,} bytes |\n"
            f"| crates linked, ours included | {len(crates)} |\n"
            f"| `--version`, 200 cold processes | best {min(starts):.2f} ms, median {statistics.median(starts):.2f} ms |")


def surroundings(load_before, tree=TREE):
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "unknown")
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    averages = ", ".join(f"{n:.2f}" for n in os.getloadavg())
    server = subprocess.run([f"{tree}/bin/postgres", "--version"], capture_output=True, text=True,
                            env=dict(os.environ, LD_LIBRARY_PATH=f"{tree}/lib")).stdout.strip()
    return (f"Measured {now}, {os.cpu_count()} cores ({model}), Linux {'.'.join(platform.release().split('.')[:2])}, {server}. Load average "
            f"before: {load_before:.2f}; after (1, 5, 15 minutes): {averages}.")


def lay_into_document(text, command="scripts/bench", document=DOCUMENT):
    begin, end = f"<!-- measured: {command} --write -->", "<!-- end of what was measured -->"
    with open(document) as file:
        before, rest = file.read().split(begin)
        after = rest.split(end, 1)[1]
    with open(document, "w") as file:
        file.write(f"{before}{begin}\n{text}\n{end}{after}")


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("bed", nargs="?", default="all", choices=[*ABOUT, "all"])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--against", help="another build of the program")
    parser.add_argument("--auth", choices=["trust", "scram", "tls"], help="one of them only")
    parser.add_argument("--write", action="store_true", help="lay the tables into docs/BENCHMARKS.md")
    options = parser.parse_args()
    load_before = os.getloadavg()[0]
    told, measured = [footprint()], []
    for bed in ABOUT if options.bed == "all" else [options.bed]:
        base = tempfile.mkdtemp(prefix="pga-bench-")
        os.chmod(base, 0o755)
        server = None
        try:
            server = Server(base)
            databases, load = make_bed(server, bed)
            rows = []
            for auth in [options.auth] if options.auth else ["trust", "scram", "tls"]:
                server.set_tls(auth == "tls")
                rows += measure(base, server, bed, databases, load, auth, options.runs, options.against)
            told.append(f"### {bed}: {ABOUT[bed]}\n\n{table(rows)}")
            measured += rows
        finally:
            if server:
                server.ctl("stop")
            shutil.rmtree(base, ignore_errors=True)
    if options.bed == "all":
        told.insert(1, f"### Goals\n\n{bench_goals.table(measured)}")
    text = "\n\n".join([surroundings(load_before), *told])
    print(text)
    if options.write:
        lay_into_document(text)


def ended(*_):
    # Once: the second of two must not cut the cleaning up short.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(143)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, ended)
    main()
