"""A real run, its textfile scraped by a real node_exporter, the backend scraped by a real Prometheus, and an alert carried
through a real Alertmanager to a webhook. Called by scripts/check-alerts, which installs and builds."""

import contextlib
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import bench

TOP = pathlib.Path(bench.ROOT)
DEPLOY = TOP / "deploy/prometheus"
TREE = os.path.realpath(TOP / "target/pg/18")
TOKEN = "to-look-at-figures"
# Their names are older than the custom of promtool's lint.
NAMED_BEFORE = {"pganalytics_collection_cycle_ms", "pganalytics_connection_pool_acquisitions",
                "pganalytics_connection_pool_reuses"}


def until(what, found, seconds=90):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if answer := found():
                return answer
        except OSError:
            pass
        time.sleep(0.3)
    sys.exit(f"not within {seconds} s: {what}")


def get(url, token=None):
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def free_ports(*usual):
    """One for each of these, all of them different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in usual]
        for bound in sockets:
            bound.bind(("127.0.0.1", 0))
        return {port: bound.getsockname()[1] for port, bound in zip(usual, sockets)}


class Webhook(http.server.BaseHTTPRequestHandler):
    heard = []

    def do_POST(self):
        Webhook.heard += json.loads(self.rfile.read(int(self.headers["content-length"])))["alerts"]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


class Programs:
    """What was started, with its output in files; all of it ends."""

    def __init__(self, base):
        self.base, self.running = base, []

    def start(self, name, command, env=None):
        log = open(f"{self.base}/{name}.log", "w")
        self.running.append(subprocess.Popen(command, stdout=log, stderr=log, env=env, cwd=self.base))

    def end(self):
        for process in self.running:
            process.terminate()
        for process in self.running:
            process.wait()


def checked(what, text):
    """promtool's syntax check. The backend speaks OpenMetrics, which names a counter without its ending."""
    text = re.sub(r"^# (TYPE|HELP) (\S+)(?= counter$)", r"# \1 \2_total", text, flags=re.M) if "# EOF" in text else text
    counters = re.findall(r"^# TYPE (\S+)_total counter$", text, re.M)
    for name in counters:
        text = re.sub(rf"^# HELP {name} ", f"# HELP {name}_total ", text, flags=re.M)
    told = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True)
    complaints = [line for line in told.stderr.splitlines() if line.split(" ")[0] not in NAMED_BEFORE]
    # Milliseconds are what these figures are called by.
    complaints = [line for line in complaints if line and "abbreviated units" not in line]
    if told.returncode == 1 or complaints:
        sys.exit(f"{what}: {told.stderr}")
    print(f"{what}: well formed, {len(text.splitlines())} lines")


def collector(base, server, url):
    path = f"{base}/collector.toml"
    with open(path, "w") as file:
        file.write(f'[collector]\nname = "watched"\nstate_dir = "{base}/state"\n[backend]\nurl = "{url}"\n'
                   f'[postgres]\nhost = "127.0.0.1"\nport = {server.port}\nuser = "postgres"\ndatabases = ["postgres"]\n'
                   f'sslmode = "disable"\n[prometheus]\ntextfile = "{base}/textfiles/pganalytics.prom"\n'
                   f'[logging]\nfile_path = "{base}/collector.log"\n')
    program = [str(TOP / "target/debug/pganalytics"), "--config", path]
    subprocess.run([*program, "register"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   env=dict(os.environ, REGISTRATION_SECRET="for-this-check"))
    return lambda: subprocess.run([*program, "cron", "--force"], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def configured(base, ports):
    """The files of deploy/prometheus, with the ports of this run and without its patience."""
    text = (DEPLOY / "prometheus.yml").read_text().replace("30s", "1s").replace(
        "/etc/prometheus/pganalytics-scrape-token", f"{base}/token")
    alertmanager = (DEPLOY / "alertmanager.yml").read_text().replace("group_wait: 30s", "group_wait: 1s")
    for usual, port in ports.items():
        text, alertmanager = (t.replace(f"127.0.0.1:{usual}", f"127.0.0.1:{port}") for t in (text, alertmanager))
    # So that the check ends today, and with the file's own syntax.
    rules = re.sub(r"^( +)for: 5m$", r"\1for: 2s", (DEPLOY / "rules.yml").read_text(), flags=re.M)
    for name, content in [("prometheus.yml", text), ("alertmanager.yml", alertmanager), ("rules.yml", rules), ("token", TOKEN)]:
        pathlib.Path(base, name).write_text(content)
    subprocess.run(["promtool", "check", "config", f"{base}/prometheus.yml"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["amtool", "check-config", f"{base}/alertmanager.yml"], check=True, stdout=subprocess.DEVNULL)


def main():
    base = tempfile.mkdtemp(prefix="pganalytics-alerts.")
    os.chmod(base, 0o755)
    os.mkdir(f"{base}/textfiles")
    server = bench.Server(base, TREE, {"wal_level": "logical"})
    programs = Programs(base)
    try:
        run(base, server, programs)
    finally:
        programs.end()
        server.ctl("stop")
        shutil.rmtree(base)


def run(base, server, programs):
    ports = free_ports("8080", "9100", "9093", "9095", "9090")
    server.sql("postgres", "create database store")
    url = f"http://127.0.0.1:{ports['8080']}"
    programs.start("api", [str(TOP / "target/debug/pganalytics-api"), "serve"], {
        "PATH": os.environ["PATH"], "JWT_SECRET_KEY": "of-a-check-and-of-nothing-else-at-all", "SCRAPE_TOKEN": TOKEN,
        "REGISTRATION_SECRET": "for-this-check", "LISTEN": f"127.0.0.1:{ports['8080']}",
        "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{server.port}/store?sslmode=disable"})
    until("the backend is healthy", lambda: get(f"{url}/api/v1/health"))
    cycle = collector(base, server, url)
    cycle()
    checked("the textfile", pathlib.Path(base, "textfiles/pganalytics.prom").read_text())
    checked("the backend's /metrics", get(f"{url}/metrics", TOKEN))

    configured(base, ports)
    webhook = http.server.ThreadingHTTPServer(("127.0.0.1", ports["9095"]), Webhook)
    threading.Thread(target=webhook.serve_forever, daemon=True).start()
    programs.start("node_exporter", [
        "prometheus-node-exporter", "--collector.disable-defaults", "--collector.textfile",
        f"--collector.textfile.directory={base}/textfiles", f"--web.listen-address=127.0.0.1:{ports['9100']}"])
    programs.start("alertmanager", [
        "prometheus-alertmanager", f"--config.file={base}/alertmanager.yml", f"--storage.path={base}/am",
        f"--web.listen-address=127.0.0.1:{ports['9093']}", "--cluster.listen-address="])
    programs.start("prometheus", [
        "prometheus", f"--config.file={base}/prometheus.yml", f"--storage.tsdb.path={base}/tsdb",
        f"--web.listen-address=127.0.0.1:{ports['9090']}"])

    def ask(query):
        path = urllib.request.quote(query)
        return json.loads(get(f"http://127.0.0.1:{ports['9090']}/api/v1/query?query={path}"))["data"]["result"]

    until("both targets are up", lambda: len(ask("up == 1")) == 2)
    until("the textfile's figures are recorded", lambda: ask('process_resident_memory_bytes{job="pganalytics-collector"} > 1e6'))
    cpu = until("processor time is recorded", lambda: ask('process_cpu_seconds_total{job="pganalytics-collector"} > 0'))
    print(f"scraped by Prometheus: the backend and node_exporter, which has {cpu[0]['value'][1]} s of processor time of a run")
    until("the watched server's figures are scraped", lambda: ask("pganalytics_wraparound_left_percent > 20"))
    if ask("node_textfile_scrape_error == 1"):
        sys.exit("node_exporter cannot read the textfile")
    if firing := ask('ALERTS{alertname=~"PgAnalytics(InactiveSlot|ServiceDown|NoData)"}'):
        sys.exit(f"alerts before there is a reason: {firing}")

    server.sql("postgres", "select pg_create_logical_replication_slot('forgotten', 'test_decoding')")
    cycle()
    start = time.monotonic()
    heard = until("the webhook hears of the slot", lambda: [
        alert for alert in Webhook.heard
        if alert["labels"]["alertname"] == "PgAnalyticsInactiveSlot" and alert["status"] == "firing"])
    print(f"carried to the webhook after {time.monotonic() - start:.0f} s: {heard[0]['annotations']['summary']}")


if __name__ == "__main__":
    main()
