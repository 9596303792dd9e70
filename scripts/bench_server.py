"""A PostgreSQL of the benchmarks' own, and what it and its children use of the processor."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TREE = os.path.realpath(os.path.join(ROOT, "target/pg/15"))
PASSWORD = "bench-only"
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
SETTINGS = {
    "fsync": "off", "autovacuum": "off", "track_io_timing": "on", "shared_buffers": "256MB", "max_connections": "150",
    "shared_preload_libraries": "'pg_stat_statements'", "pg_stat_statements.max": "10000", "jit": "on",
    "listen_addresses": "'127.0.0.1'", "unix_socket_directories": "''", "password_encryption": "'scram-sha-256'",
    "logging_collector": "on", "log_destination": "'jsonlog'", "log_filename": "'bench.log'",
}


class Server:
    """A PostgreSQL of our own, 15 unless told, below a directory that goes with it."""

    def __init__(self, base, tree=TREE, settings=None):
        self.tree = tree
        self.data = os.path.join(base, "data")
        self.port = free_port()
        self.runs_as = ["setpriv", "--reuid=pgtest", "--regid=pgtest", "--init-groups"] if os.getuid() == 0 else []
        shutil.copytree(os.path.join(tree, "template"), self.data)
        with open(os.path.join(self.data, "postgresql.conf"), "a") as conf:
            conf.writelines(f"{name} = {value}\n" for name, value in {**SETTINGS, **(settings or {})}.items())
            conf.write(f"port = {self.port}\n")
        with open(os.path.join(self.data, "pg_hba.conf"), "w") as hba:
            hba.write("host all bench_scram 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n")
        self.roots = self.make_certificate(base)
        if self.runs_as:
            subprocess.run(["chown", "-R", "pgtest:pgtest", self.data], check=True)
        self.env = dict(os.environ, LD_LIBRARY_PATH=f"{tree}/lib", LC_ALL="C.UTF-8", PGGSSENCMODE="disable")
        self.ctl("start")
        with open(os.path.join(self.data, "postmaster.pid")) as file:
            self.pid = int(file.readline())
        self.sql("postgres", "create extension pg_stat_statements; create role bench_trust login in role pg_monitor;"
                 "create role bench_tls login in role pg_monitor;"
                 f"create role bench_scram login password '{PASSWORD}' in role pg_monitor")
        time.sleep(0.5)
        self.resting = len(children(self.pid))

    def make_certificate(self, base):
        """For localhost, signed by itself; gives back the host's own roots with it among them, as the file that a
        client has to read and understand before it connects."""
        files = [os.path.join(self.data, name) for name in ("server.key", "server.crt")]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                        "-keyout", files[0], "-out", files[1]], check=True, stderr=subprocess.DEVNULL)
        os.chmod(files[0], 0o600)
        roots = os.path.join(base, "roots.crt")
        with open(roots, "w") as file:
            for part in ("/etc/ssl/certs/ca-certificates.crt", files[1]):
                with open(part) as source:
                    file.write(source.read())
        return roots

    def set_tls(self, on):
        self.sql("postgres", f"alter system set ssl = {'on' if on else 'off'}")
        self.sql("postgres", "select pg_reload_conf()")
        time.sleep(0.3)

    def ctl(self, action):
        subprocess.run([*self.runs_as, f"{self.tree}/bin/pg_ctl", "-D", self.data, "-w", "-s", "-m", "fast", action],
                       env=self.env, check=True, stdout=subprocess.DEVNULL)

    def psql(self, database, user="postgres"):
        return [f"{self.tree}/bin/psql", "-X", "-q", "-A", "-t", "-h", "127.0.0.1", "-p", str(self.port), "-U", user,
                "-d", database]

    def sql(self, database, text, user="postgres"):
        done = subprocess.run([*self.psql(database, user), "-v", "ON_ERROR_STOP=1", "-f", "-"], input=text, text=True,
                              env=self.env, check=True, stdout=subprocess.PIPE)
        return done.stdout

    def cpu_ms(self):
        """Of the postmaster, of what it has reaped, and of what still lives."""
        ticks = sum(stat(self.pid)[11:15])
        return ticks * TICK_S * 1000 + sum(cpu_ms(pid) for pid in children(self.pid))

    def settle(self):
        """Until the last backend is gone: only then is its CPU counted once."""
        for _ in range(500):
            if len(children(self.pid)) <= self.resting:
                return
            time.sleep(0.01)

    def log_all(self, on):
        for name, value in [("log_connections", on), ("log_statement", "all" if on else "none")]:
            self.sql("postgres", f"alter system set {name} = '{value}'")
        self.sql("postgres", "select pg_reload_conf()")
        time.sleep(0.3)

    def logged(self, act):
        """What the server logs of one client while `act` runs."""
        log = os.path.join(self.data, "log/bench.json")
        self.log_all(True)
        start = os.path.getsize(log)
        act()
        self.settle()
        self.log_all(False)
        with open(log, "rb") as file:
            file.seek(start)
            return [json.loads(line) for line in file]


def stat(pid):
    """Fields from the third on: names may hold blanks."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return [0] * 20
    return [0] + [int(field) for field in fields[1:20]]


def cpu_ms(pid):
    """Of a process that lives, without its children."""
    return sum(stat(pid)[11:13]) * TICK_S * 1000


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def free_port():
    """Below the ephemeral range, where a client's own port could be in the way."""
    for port in range(int(os.environ.get("BENCH_PORT", 23000)), 32000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    sys.exit("no free port")
