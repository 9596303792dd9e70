"""What a dashboard's panels would be given: an hour of a real collector's figures, asked for by the panels' own SQL.

A PostgreSQL with a load on it, the backend, and a collector whose clock is set to one minute of the last hour after the other, so
that the hour takes minutes. Writes the dashboard with its figures to the file that is named."""

import calendar
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
from bench_backend import SECRET, SETTINGS, TREE, Api

MINUTES = 60
STEP_MS = 60_000
BINARY = os.path.join(bench.ROOT, "target/debug/pganalytics")
API = BINARY + "-api"


def history(base, server, api):
    """A run for each minute of the last hour; gives back when it began and ended."""
    home = bench.Home(base, server, "*", "trust", BINARY)
    with open(f"{home.dir}/collector.toml") as file:
        config = file.read()
    config = re.sub(r'url = ".*"\ntoken = .*\n', f'url = "{api.url}"\n', config)
    config = config.replace('databases = "*"', 'databases = "*"\nexclude_databases = ["store"]')
    with open(f"{home.dir}/collector.toml", "w") as file:
        file.write(config)
    subprocess.run([BINARY, "--config", f"{home.dir}/collector.toml", "register"], check=True, stdout=subprocess.DEVNULL,
                   env=dict(os.environ, REGISTRATION_SECRET=SECRET))
    end = int(time.time())
    for minute in range(MINUTES, 0, -1):
        load(server, minute)
        done = subprocess.run(["faketime", "-f", f"@{stamp(end - minute * 60)}", *home.command(minute == MINUTES)],
                              capture_output=True, text=True, env=dict(os.environ, TZ="UTC"))
        if done.returncode not in (0, 1):
            sys.exit(f"exit code {done.returncode}: {done.stderr}")
    return end - MINUTES * 60, end


def stamp(at):
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))


def load(server, minute):
    """More of it in the second half, and one statement that only then begins."""
    rounds = 20 if minute > MINUTES / 2 else 80
    server.sql("app01", "update t01 set a = a + 1 where id < 50; insert into t02 (a, b) select n, 'x' from "
               "generate_series(1, 20) n;" * rounds)
    server.sql("app02", "select count(*) from t03 where a > 10;" * rounds)
    if minute < MINUTES / 2:
        server.sql("app03", "select sum(length(b)) from t04 cross join generate_series(1, 40) n where b like '%a%';")


def expanded(sql, variables, since, until):
    """As Grafana does, without its switch for TimescaleDB."""
    for name, values in variables.items():
        sql = sql.replace(f"${{{name}:sqlstring}}", ",".join(f"'{value}'" for value in values))
    sql = sql.replace("$__timeFrom()", f"'{stamp(since)}Z'").replace("$__timeTo()", f"'{stamp(until)}Z'")
    sql = sql.replace("$__interval_ms", str(STEP_MS)).replace("$__interval", f"{STEP_MS // 1000}s")
    sql = re.sub(r"\$__timeFilter\(([^)]*)\)", rf"\1 between '{stamp(since)}Z' and '{stamp(until)}Z'", sql)
    return re.sub(r"\$__timeGroupAlias\(([^),]*),[^)]*\)",
                  rf"to_timestamp(floor(extract(epoch from \1) / {STEP_MS // 1000}) * {STEP_MS // 1000}) as time", sql)


def asked(server, sql):
    told = server.sql("store", f"select coalesce(json_agg(row_to_json(x)), '[]') from ({sql.rstrip().rstrip(';')}) x")
    return json.loads(told)


def millis(text):
    whole = text[:19].replace("T", " ")
    return int(calendar.timegm(time.strptime(whole, "%Y-%m-%d %H:%M:%S"))) * 1000


def field(name, values):
    known = [value for value in values if value is not None]
    if name == "time" or (known and all(isinstance(v, str) and re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", v) for v in known)):
        return dict(name=name, type="time", values=[value and millis(value) for value in values])
    numbers = known and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in known)
    return dict(name=name, type="number" if numbers else "string",
                values=values if numbers else [None if v is None else str(v) for v in values])


def frames(rows, is_series):
    if not rows:
        return []
    columns = list(rows[0])
    if not is_series or "metric" not in columns:
        return [dict(name="", fields=[field(name, [row[name] for row in rows]) for name in columns])]
    made = []
    for metric in dict.fromkeys(row["metric"] for row in rows):
        mine = [row for row in rows if row["metric"] == metric]
        for name in columns:
            if name not in ("time", "metric"):
                shown = metric if len(columns) == 3 else f"{metric} {name}"
                made.append(dict(name=shown, fields=[field("time", [row["time"] for row in mine]),
                                                     field(shown, [row[name] for row in mine])]))
    return made


def main():
    dashboard_file, target = sys.argv[1:]
    with open(dashboard_file) as file:
        dashboard = json.load(file)
    base = tempfile.mkdtemp(prefix="pga-draw-")
    os.chmod(base, 0o755)
    server = api = None
    try:
        server = bench.Server(base, TREE, SETTINGS)
        bench.make_bed(server, "small")
        api = Api(base, server, "store", API)
        since, until = history(base, server, api)
        variables = {}
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                rows = asked(server, expanded(variable["query"], variables, since, until))
                variables[variable["name"]] = [row.get("__value", next(iter(row.values()))) for row in rows]
        for panel in dashboard["panels"]:
            if panel["type"] != "row":
                query = panel["targets"][0]
                rows = asked(server, expanded(query["rawSql"], variables, since, until))
                panel["frames"] = frames(rows, query["format"] == "time_series")
    finally:
        if api:
            api.stop()
        if server:
            server.ctl("stop")
        shutil.rmtree(base, ignore_errors=True)
    with open(target, "w") as file:
        json.dump({"from": since * 1000, "to": until * 1000, "panels": dashboard["panels"]}, file)
    empty = [p["title"] for p in dashboard["panels"] if p["type"] != "row" and not p["frames"]]
    print(f"{len(dashboard['panels'])} panels, without figures: {', '.join(empty) or 'none'}")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, bench.ended)
    main()
