"""Half an hour of runs in a minute or two, each a minute later by its clock. Called by scripts/check-endurance."""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import bench

TOP = pathlib.Path(bench.ROOT)
TREE = os.path.realpath(TOP / "target/pg/18")
# The breaker waits at most 15 minutes.
RECOVERY = 17


def fail(what):
    sys.exit(f"FAIL  {what}")


class Backend:
    def __init__(self, base, binary, server):
        self.base, self.binary, self.port = base, binary, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = {
            "PATH": os.environ["PATH"], "JWT_SECRET_KEY": "of-a-check-and-of-nothing-else-at-all",
            "REGISTRATION_SECRET": "for-this-check", "LISTEN": f"127.0.0.1:{self.port}",
            "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{server.port}/store?sslmode=disable"}
        self.process = None

    def start(self):
        log = open(f"{self.base}/backend.log", "a")
        self.process = subprocess.Popen([self.binary, "serve"], stdout=log, stderr=log, env=self.env)
        for _ in range(300):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.url}/api/v1/health", timeout=10).close()
                return
            time.sleep(0.1)
        fail("the backend is not healthy within 30 s: " + open(f"{self.base}/backend.log").read()[-2000:])

    def stop(self):
        if self.process:
            self.process.terminate()
            if self.process.wait(30) != 0:
                fail(f"the backend ended with {self.process.returncode}")
            self.process = None

    def memory(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Collector:
    """Its clock is set by whoever runs it."""

    def __init__(self, base, binary, server, url):
        self.base, self.binary = base, binary
        self.config = f"{base}/collector.toml"
        with open(self.config, "w") as file:
            file.write(f'[collector]\nname = "endures"\nstate_dir = "{base}/state"\n[backend]\nurl = "{url}"\n'
                       f'[postgres]\nhost = "127.0.0.1"\nport = {server.port}\nuser = "bench_trust"\ndatabases = "*"\n'
                       f'exclude_databases = ["store"]\nsslmode = "disable"\n'
                       f'[logging]\nfile_path = "{base}/logs/collector.log"\n')
        os.mkdir(f"{base}/logs")
        subprocess.run([binary, "--config", self.config, "register"], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, env=dict(os.environ, REGISTRATION_SECRET="for-this-check"))

    def at(self, moment, command):
        clock = time.strftime("@%Y-%m-%d %H:%M:%S", time.gmtime(moment))
        return subprocess.run(["faketime", "-f", clock, *command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env={"PATH": "/usr/bin:/bin", "TZ": "UTC"})

    def run(self, moment):
        return self.at(moment, [self.binary, "--config", self.config, "cron"])

    def health(self, moment):
        return self.at(moment + 20, [str(TOP / "deploy/health-check.sh"), "--logs", f"{self.base}/logs", "--config", self.config])

    def log(self):
        return pathlib.Path(self.base, "logs/collector.log").read_text()

    def status(self):
        return json.loads(pathlib.Path(self.base, "logs/status.json").read_text())

    def state_bytes(self):
        return sum(file.stat().st_size for file in pathlib.Path(self.base, "state").rglob("*") if file.is_file())


def connections(server):
    """Those of the collector, once it is gone: they may take a moment to end. And all that there are."""
    for _ in range(200):
        left, every = server.sql("postgres", "select count(*) filter (where application_name = 'pganalytics'), count(*)"
                                 " from pg_stat_activity where backend_type = 'client backend'").strip().split("|")
        if left == "0":
            break
        time.sleep(0.01)
    return int(left), int(every)


def load(server):
    server.sql("app", "insert into t select g, md5(g::text) from generate_series(1, 500) g; select count(*) from t;"
               "delete from t; update u set n = n + 1")


def steady(collector, server, backend, moments):
    """Green each minute; gives back what must not grow: memory, state, connections, the backend's memory."""
    figures = []
    for moment in moments:
        load(server)
        run = collector.run(moment)
        if (run.returncode, run.stdout, run.stderr) != (0, "", ""):
            fail(f"a run at minute {len(figures) + 1}: exit {run.returncode}\n{run.stdout}{run.stderr}{collector.log()[-3000:]}")
        health = collector.health(moment)
        if health.returncode != 0 or not health.stdout.endswith("Health check complete: healthy\n"):
            fail(f"health at minute {len(figures) + 1}:\n{health.stdout}{health.stderr}")
        left, every = connections(server)
        if left:
            fail(f"{left} connections are left behind after minute {len(figures) + 1}")
        figures.append((collector.status()["last_run"]["peak_rss_bytes"], collector.state_bytes(), every, backend.memory()))
    return list(zip(*figures))


def compare(what, figures, factor, unit=1, name="bytes"):
    """The last third beside the second: the first is for what is learnt once."""
    third = max(1, len(figures) // 3)
    before, after = statistics.mean(figures[third:2 * third]), statistics.mean(figures[-third:])
    if after > before * factor:
        fail(f"{what} grows: {before:.0f} then {after:.0f}; {figures}")
    print(f"pass  {what}: {before / unit:.1f} then {after / unit:.1f} {name}".rstrip())


def away(collector, server, backend, moments):
    backend.stop()
    for moment in moments:
        load(server)
        run, health = collector.run(moment), collector.health(moment)
        last = health.stdout.splitlines()[-1]
        if run.returncode != 1 or health.returncode != 1 or not last.startswith("Health check complete: NOT healthy: "):
            fail(f"the backend is away, and the run ends with {run.returncode}, the check with {health.returncode}: {last}")
    print(f"pass  the backend is away for {len(moments)} minutes, and the health check says so: {last[:200]}")


def back(collector, server, backend, moments):
    backend.start()
    for minute, moment in enumerate(moments, 1):
        load(server)
        run, health = collector.run(moment), collector.health(moment)
        if run.returncode == 0 and health.returncode == 0:
            print(f"pass  it is back, and {minute} minutes later all is well by itself")
            return minute
    fail(f"not well {RECOVERY} minutes after the backend is back:\n{health.stdout}{collector.log()[-3000:]}")


def main(folder, minutes, gone):
    base = tempfile.mkdtemp(prefix="pganalytics-endurance.")
    os.chmod(base, 0o755)
    server = bench.Server(base, TREE, {"fsync": "off"})
    backend = Backend(base, f"{folder}/pganalytics-api", server)
    try:
        server.sql("postgres", "create database store; create database app")
        server.sql("app", "create extension pg_stat_statements; create table t (id int, what text);"
                   "create table u as select 1 as n")
        backend.start()
        collector = Collector(base, f"{folder}/pganalytics", server, backend.url)
        # All of it lies in the past: a backend takes nothing that is dated ahead of its clock.
        first = int(time.time()) - 60 * (minutes + gone + RECOVERY + 1)
        moments = [first + 60 * minute for minute in range(minutes + gone + RECOVERY)]
        rss, state, every, memory = steady(collector, server, backend, moments[:minutes])
        print(f"pass  {minutes} minutes, each complete, silent and green")
        compare("memory of a run", rss, 1.1, 1e6, "MB")
        compare("state", state, 1.1, 1e3, "kB")
        compare("connections of the server after a run", every, 1.0, 1, "")
        compare("memory of the backend", memory, 1.25, 1e6, "MB")
        log = collector.log()
        if bad := [line for line in log.splitlines() if "error" in line.lower() or "critical" in line.lower()]:
            fail(f"lines with errors: {bad[:5]}")
        lines = len(log.splitlines()) / minutes
        print(f"pass  no line holds an error; {lines:.1f} lines a run")
        away(collector, server, backend, moments[minutes:minutes + gone])
        took = back(collector, server, backend, moments[minutes + gone:])
        stored = int(server.sql("store", "select count(*) from batches"))
        if stored != minutes + gone + took:
            fail(f"{minutes + gone + took} runs, {stored} batches stored")
        print(f"pass  {stored} runs, {stored} batches stored")
        backend.stop()
    finally:
        if backend.process:
            backend.process.kill()
            backend.process.wait()
        server.ctl("stop")
        shutil.rmtree(base)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
