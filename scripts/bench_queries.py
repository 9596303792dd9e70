"""What each of our statements costs a large server, as the server itself explains it.

One database of 10,000 tables and a server that knows 50,000 statements; everything due. The statements are those that the server
logged, with their parameters, and each is explained three times in a transaction like ours: the least of the three is told, with
the pages it looked at and the step that took most of it."""

import argparse
import json
import os
import re
import shutil
import signal
import sys
import tempfile

import bench
import beds

DOCUMENT = os.path.join(bench.ROOT, "docs/QUERIES.md")
TIMES = 3
OPENING = "begin read only; set local search_path = pg_catalog, pg_temp; set local jit = off;"


def make(server):
    beds.statements(server)
    beds.tables(server)


def explain(server, database, sql):
    text = f"explain (analyze, buffers, format json) {sql.rstrip(';')}"
    script = OPENING + "\n" + f"{text}\n;\n" * TIMES + "rollback;"
    told = server.sql(database, script, beds.USER)
    plans = [json.loads(found)[0] for found in re.findall(r"^\[.*?^\]$", told, re.MULTILINE | re.DOTALL)]
    return min(plans, key=lambda plan: plan["Execution Time"])


def steps(plan):
    """Each step's own milliseconds: what is told of it holds those below."""
    below = plan.get("Plans", [])
    total = plan["Actual Total Time"] * plan["Actual Loops"]
    # An initial plan or a subplan is charged to the step it hangs from as well; never less than nothing.
    yield max(0.0, total - sum(p["Actual Total Time"] * p["Actual Loops"] for p in below)), plan
    for step in below:
        yield from steps(step)


def named(step):
    what = step.get("Relation Name") or step.get("Function Name") or step.get("CTE Name") or step.get("Index Name")
    return f"{step['Node Type']}{f' of `{what}`' if what else ''}"


def row(tag, explained):
    plan = explained["Plan"]
    own, step = max(steps(plan), key=lambda found: found[0])
    return dict(tag=tag, planning=explained["Planning Time"], execution=explained["Execution Time"],
                pages=plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], rows=plan["Actual Rows"],
                most=f"{named(step)} {own:.1f}")


def tagged(entries):
    """The first of each of our statements, by its name and database."""
    found = {}
    for entry in entries:
        sql = bench.literal(entry)
        tag = re.match(r"(?:select|with) /\* pganalytics:(\S+) \*/", sql)
        if tag:
            found.setdefault((tag[1], entry["dbname"]), sql)
    return found


def table(rows):
    lines = ["| statement | database | execution ms | planning ms | pages | rows | its longest step, ms |",
             "|---" * 7 + "|"]
    for (tag, database), r in sorted(rows.items(), key=lambda item: -item[1]["execution"]):
        lines.append(f"| `{tag}` | {database} | {r['execution']:.1f} | {r['planning']:.1f} | {r['pages']:,} | "
                     f"{r['rows']:,} | {r['most']} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench queries")
    parser.add_argument("what", choices=["queries"])
    parser.add_argument("--write", action="store_true", help="lay the table into docs/QUERIES.md")
    options = parser.parse_args()
    load_before = os.getloadavg()[0]
    base = tempfile.mkdtemp(prefix="pga-bench-")
    os.chmod(base, 0o755)
    server = None
    try:
        server = bench.Server(base, settings={**beds.SETTINGS, "log_destination": "'jsonlog'"})
        make(server)
        home = beds.Home(base, server, bench.BINARY)
        entries = server.logged(lambda: bench.timed(home.command(True), server))
        found = tagged(bench.counted(entries, beds.USER)["entries"])
        if len(found) < 30:
            sys.exit(f"only {len(found)} statements of ours were logged")
        rows = {key: row(key[0], explain(server, key[1], sql)) for key, sql in found.items()}
    finally:
        if server:
            server.ctl("stop")
        shutil.rmtree(base, ignore_errors=True)
    text = f"{bench.surroundings(load_before)}\n\n{table(rows)}"
    print(text)
    if options.write:
        bench.lay_into_document(text, "scripts/bench queries", DOCUMENT)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, bench.ended)
    main()
