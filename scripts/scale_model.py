"""What a fleet asks of a backend: a simulation of pushes, checked against what was measured, and then asked about more than
one machine has.

A push takes its turns: CPU of the backend, CPU of PostgreSQL, and a sync of the WAL that commits of the same moment share.
The demands are the measured ones of docs/BENCHMARKS.md ("Under load"); nothing else is put in by hand but the shape. It
simulates pushes one by one rather than by a formula, as what decides is how many come at once."""

import argparse
import heapq
import os
import random
import re
import statistics
import sys

import bench

DOCUMENT = os.path.join(bench.ROOT, "docs/SCALE.md")
BEGIN = "<!-- measured: scripts/bench-api load --write -->"
DAY_S = 86_400
FLEETS = [100, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000]
# What is left for whatever else happens: queues grow without bound towards 1.
BUSY = 0.6


class Machine:
    """Cores that take what is waiting in order, and a disk whose sync serves everybody who waits when it begins."""

    def __init__(self, cores, sync_ms, draw):
        self.free = [0.0] * cores
        self.sync_ms, self.draw = sync_ms, draw
        self.sync_ends = 0.0

    def work(self, at, ms):
        start = max(at, heapq.heappop(self.free))
        ends = start + self.draw(ms)
        heapq.heappush(self.free, ends)
        return ends

    def commit(self, at):
        """The sync that runs began too early for this commit: it goes with the next."""
        if at > self.sync_ends:
            self.sync_ends = at + self.draw(self.sync_ms)
            return self.sync_ends
        waits_until = self.sync_ends + self.draw(self.sync_ms)
        return waits_until


def simulate(cores, demand, arrivals=None, clients=0, pushes=6000, seed=1):
    """Milliseconds of each push, and pushes a second. Either arrivals, in ms, or clients that push again at once."""
    random.seed(seed)
    machine = Machine(cores, demand["sync"], lambda ms: random.gammavariate(4, ms / 4))
    events = [(at, n, 0, at) for n, at in enumerate(arrivals or [0.0] * clients)]
    heapq.heapify(events)
    number, took, last = len(events), [], 0.0
    while events and len(took) < pushes:
        now, n, stage, began = heapq.heappop(events)
        if stage < 2:
            done = machine.work(now, demand[("api", "server")[stage]])
            heapq.heappush(events, (done, n, stage + 1, began))
        elif stage == 2:
            heapq.heappush(events, (machine.commit(now), n, 3, began))
        else:
            took.append(now - began)
            last = max(last, now)
            if not arrivals:
                number += 1
                heapq.heappush(events, (now, number, 0, now))
    return took, len(took) / last * 1000


def measured_lines():
    """How many cores there were, and the cells of the tables under load."""
    with open(bench.DOCUMENT) as file:
        text = file.read().split(BEGIN)[1].split("<!-- end")[0]
    cores = int(re.search(r"(\d+) cores", text)[1])
    return cores, [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]


def last_cell(lines, title):
    return float(next(line for line in lines if line[0] == title)[-1].replace(",", ""))


def measured(lines):
    """The columns of the table of runs, by name of run."""
    head = next(line for line in lines if "first batches, 4 at a time" in line)
    runs = {name: {} for name in head}
    for line in lines[lines.index(head) + 2:]:
        if len(line) < len(head) + 1:
            break
        for name, value in zip(head, line[1:]):
            number = re.match(r"[\d.,]+$", value)
            runs[name][line[0]] = float(value.replace(",", "")) if number else None
    return {name: run for name, run in runs.items() if run.get("pushes/s")}


def demand_of(run):
    return {"api": run["API CPU ms/push"], "server": run["PostgreSQL CPU ms/push"], "sync": run["ms/WAL sync"]}


def orders(cores, runs):
    """Each measured run, as the simulation is asked for it."""
    for name, run in runs.items():
        demand = demand_of(run)
        if (match := re.match(r"(?:first batches, )?(\d+) at a time", name)):
            yield name, run, simulate(cores, demand, clients=int(match[1]))
        else:
            gap = 1000 / run["pushes/s"]
            yield name, run, simulate(cores, demand, arrivals=[n * gap for n in range(6000)])


def checked(cores, runs):
    lines = ["| run | pushes/s measured | simulated | ratio | p50 ms measured | simulated | p99 ms measured | simulated |",
             "|---" * 8 + "|"]
    for name, run, (took, rate) in orders(cores, runs):
        cuts = statistics.quantiles(took, n=100)
        cells = [run["pushes/s"], rate, rate / run["pushes/s"], run["p50 ms"], cuts[49], run["p99 ms"], cuts[98]]
        lines.append(f"| {name} | " + " | ".join(f"{cell:,.2f}" if n == 2 else bench.number(float(cell))
                                                 for n, cell in enumerate(cells)) + " |")
    return "\n".join(lines)


def knee(cores, run, vacuum):
    """On a machine such as the measured one: what a push waits for as the fleet grows, and how long a minute's pushes
    take that all begin in the same second."""
    demand = demand_of(run)
    demand["server"] += vacuum
    lines = ["| collectors | pushes/s | cores busy | p50 ms, spread over the minute | p99 ms | p99 s, all in one second |",
             "|---" * 6 + "|"]
    for fleet in (100, 1_000, 2_000, 4_000, 6_000, 7_000, 8_000, 10_000):
        count = max(fleet, 2_000)
        spread = [random.uniform(0, count / fleet * 60_000) for _ in range(count)]
        took, _ = simulate(cores, demand, arrivals=spread, pushes=count)
        burst, _ = simulate(cores, demand, arrivals=[random.uniform(0, 1000) for _ in range(fleet)],
                            pushes=fleet)
        cuts = statistics.quantiles(took, n=100)
        busy = fleet / 60 * (demand["api"] + demand["server"]) / 1000 / cores
        late = statistics.quantiles(burst, n=100)[98] / 1000
        lines.append(f"| {fleet:,} | {fleet / 60:,.1f} | {busy:.0%} | {bench.number(cuts[49])} | "
                     f"{bench.number(cuts[98])} | {bench.number(late)} |")
    return "\n".join(lines)


def fleets(run, vacuum, records, row_bytes, sent_bytes):
    """What it takes, at the measured demands, with as many cores as keep each busy for a part of the time only."""
    lines = ["| collectors | records/s | API cores | PostgreSQL cores | WAL MB/s | stored GB/day | TB of 7 days | of 30 |"
             " network Mbit/s |", "|---" * 9 + "|"]
    for fleet in FLEETS:
        rate = fleet / 60
        api = rate * run["API CPU ms/push"] / 1000 / BUSY
        server = rate * (run["PostgreSQL CPU ms/push"] + vacuum) / 1000 / BUSY
        wal = rate * records * run["WAL bytes/record"] / 1e6
        stored = rate * records * row_bytes * DAY_S / 1e9
        lines.append(f"| {fleet:,} | {rate * records:,.0f} | {api:,.1f} | {server:,.1f} | {wal:,.1f} | {stored:,.0f} | "
                     f"{stored * 7 / 1000:,.1f} | {stored * 30 / 1000:,.1f} | {rate * sent_bytes * 8 / 1e6:,.1f} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(prog="scripts/scale-model")
    parser.add_argument("--write", action="store_true", help="lay the tables into docs/SCALE.md")
    options = parser.parse_args()
    cores, lines = measured_lines()
    runs = measured(lines)
    run = runs["10,000 records/s"]
    records = run["records/s"] / run["pushes/s"]
    vacuum = run["vacuum later: PostgreSQL CPU ms/1,000 records"] * records / 1000
    row_bytes = last_cell(lines, "all")
    sent_bytes = last_cell(lines, "the reference batch: a steady minute")
    text = "\n\n".join([
        f"### The simulation beside what was measured\n\n{cores} cores.\n\n{checked(cores, runs)}",
        f"### The knee of one machine\n\n{cores} cores for everything, {records:,.0f} records a push, vacuum "
        f"included.\n\n{knee(cores, run, vacuum)}",
        f"### What a fleet takes\n\nCores so many that they are busy {BUSY:.0%} of the time; {row_bytes:,.0f} bytes a "
        f"record on disk, {sent_bytes:,.0f} sent for a push.\n\n"
        f"{fleets(run, vacuum, records, row_bytes, sent_bytes)}"])
    print(text)
    if options.write:
        bench.lay_into_document(text, "scripts/scale-model", DOCUMENT)


if __name__ == "__main__":
    sys.exit(main())
