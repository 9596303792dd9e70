"""Each panel of the dashboards and each view of the page, over seven days of 100 collectors' data, of all of them and of one.

The data is that of bench_growth: the one that is asked about has every minute, the others one of some. Panels read a long span
at some of its moments only, so that more minutes of the others would lie between those that are read."""

import glob
import json
import os
import re
import statistics
import sys
import time
import urllib.request

import bench
import bench_growth
from bench_backend import SETTINGS, TREE, Api, Load, record, settings

DAYS = 7
RUNS = 3
POINTS = 120
# Of the contract, each.
GOAL_MS = 1000


def moment(at):
    return f"'{bench_growth.moment(at)}'"


def expanded(sql, chosen, since, until):
    """As Grafana does, without its switch for TimescaleDB."""
    step = (until - since) // POINTS
    for name, values in chosen.items():
        sql = sql.replace(f"${{{name}:sqlstring}}", ",".join(f"'{value}'" for value in values))
    sql = sql.replace("$__timeFrom()", moment(since)).replace("$__timeTo()", moment(until))
    sql = sql.replace("$__interval_ms", str(step * 1000)).replace("$__interval", f"{step}s")
    sql = re.sub(r"\$__timeFilter\(([^)]*)\)", lambda m: f"{m[1]} between {moment(since)} and {moment(until)}", sql)
    return re.sub(r"\$__timeGroupAlias\(([^),]*),[^)]*\)", rf"floor(extract(epoch from \1)/{step})*{step} as time", sql)


def panels():
    for path in sorted(glob.glob(os.path.join(bench.ROOT, "grafana/dashboards/*.json"))):
        with open(path) as file:
            dashboard = json.load(file)
        for panel in dashboard["panels"]:
            if panel["type"] != "row":
                yield dashboard["title"], panel["title"], panel["targets"][0]["rawSql"]


def ask(server, sql):
    """Milliseconds of each run after the first."""
    script = "\\timing on\n\\o /dev/null\n" + f"{sql.rstrip(';')};\n" * (RUNS + 1)
    told = server.sql("store", script)
    return [float(ms) for ms in re.findall(r"Time: ([\d.]+) ms", told)][1:]


def measure(server, chosen, until):
    found = []
    for dashboard, title, sql in panels():
        times = ask(server, expanded(sql, chosen, until - DAYS * 86_400, until))
        found.append((dashboard, title, statistics.median(times)))
        if found[-1][2] >= GOAL_MS:
            print(f"{dashboard}: {title}: {found[-1][2]:.0f} ms", file=sys.stderr, flush=True)
    return found


def page(api, one, until):
    """What the backend's own page asks: milliseconds of each run after the first, and bytes of the answer."""
    who = {"Authorization": api.viewer()}
    of_one = f"/api/v1/servers/{one}?until={bench_growth.moment(until)}&minutes="
    asked = [("the fleet", "/api/v1/fleet"), ("a server, one hour", f"{of_one}60"), ("a server, one day", f"{of_one}1440"),
             ("a server, seven days", f"{of_one}10080")]
    lines = [f"| the page asks for | median ms | p95 ms | kB, not compressed | goal, p95 < {GOAL_MS} |", "|---" * 5 + "|"]
    for title, path in asked:
        times = []
        for _ in range(bench_growth.RUNS + 1):
            start = time.monotonic()
            with urllib.request.urlopen(urllib.request.Request(api.url + path, headers=who)) as answer:
                size = len(answer.read())
            times.append((time.monotonic() - start) * 1000)
        late = bench_growth.p95(times[1:])
        lines.append(f"| {title} | {bench.number(statistics.median(times[1:]))} | {bench.number(late)} | {size / 1000:.0f} | "
                     f"{'met' if late < GOAL_MS else '**missed**'} |")
    return "\n".join(lines)


def choices(server, one):
    values = {name: server.sql("store", f"select distinct {sql}").split() for name, sql in [
        ("collector", "id from collectors"), ("hostname", "hostname from collectors"),
        ("server", "server from latest where type = 'pg_stats'"), ("database", "database from latest where type = 'pg_stats'")]}
    return {"all": values, "one": values | {"collector": [one]}}


def table(every, one):
    lines = [f"| dashboard | panels | all collectors: median ms | the slowest | one collector: median ms | the slowest | goal, each < {GOAL_MS} |",
             "|---" * 7 + "|"]
    for dashboard in dict.fromkeys(row[0] for row in every):
        of = [[row for row in rows if row[0] == dashboard] for rows in (every, one)]
        slowest = [max(rows, key=lambda row: row[2]) for rows in of]
        met = "met" if max(row[2] for row in slowest) < GOAL_MS else "**missed**"
        cells = [dashboard, str(len(of[0]))]
        for rows, most in zip(of, slowest):
            cells += [f"{statistics.median(row[2] for row in rows):.0f}", f"{most[2]:.0f} ({most[1]})"]
        lines.append("| " + " | ".join([*cells, met]) + " |")
    return "\n".join(lines)


def panels_bench(base):
    batches = record(base)
    server = bench.Server(base, TREE, SETTINGS)
    api = None
    try:
        api = Api(base, server, "store")
        load = Load(base, api, batches, bench_growth.COLLECTORS)
        for order in ("first 4", f"late {DAYS + 1}", f"closed 4 {bench_growth.COLLECTORS} 600"):
            load.prepare(order)
            load.go()
        load.say("who")
        one = json.loads(load.hear())["id"]
        end = int(time.time()) // 60 * 60
        bench_growth.prepare(server)
        bench_growth.fill_days(server, one, end, range(DAYS))
        load.end()
        chosen = choices(server, one)
        rows = server.sql("store", "select count(*) from query_stats").strip()
        every, single = (measure(server, chosen[which], end) for which in ("all", "one"))
        return "\n\n".join([
            settings(server),
            f"Seven days of {bench_growth.COLLECTORS} collectors: one with every minute, the others with one of "
            f"{bench_growth.OTHERS_EVERY_MIN}; {int(rows):,} rows of statements. Medians of {RUNS} runs, warm.",
            table(every, single), page(api, one, end)])
    finally:
        if api:
            api.stop()
        server.ctl("stop")
