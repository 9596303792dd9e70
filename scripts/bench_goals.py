"""The goals that were set before anything was built, each with what was measured of it: against the earlier release (its
own figures times what was promised), and against pgmetrics on the same bed (2.28 s, 0.16 s and 1.81 s of CPU, 36 MB, 21
connections, 335 statements, 82,035 bytes, 86,890 values)."""

import os

import bench


def floor_ratio(row):
    """Wall time as a multiple of the server's CPU time, shared evenly by the cores: no run could take less."""
    return row["wall_median"] / (row["server_ms"] / os.cpu_count())


def of(key):
    return lambda row: row[key]


# What, on which bed, in which run, its figure, and the most it may be.
GOALS = [
    ("wall ms", "small", "steady", of("wall_ms"), 100),
    ("own CPU ms", "small", "steady", of("cpu_ms"), 15),
    ("server CPU ms", "small", "steady", of("server_ms"), 60),
    ("connections", "small", "steady", of("connections"), 3),
    ("statements, fewer than the earlier release's 23", "small", "steady", of("statements"), 22),
    ("failing statements", "small", "steady", of("failing"), 0),
    ("bytes sent", "small", "steady", of("sent"), 20_000),
    ("peak RSS MB", "small", "steady", of("rss_mb"), 15),
    ("wall ms", "hundred", "steady", of("wall_ms"), 1000),
    ("wall time: least that the server takes", "hundred", "steady", floor_ratio, 1.5),
    ("own CPU ms", "hundred", "steady", of("cpu_ms"), 250),
    ("connections", "hundred", "steady", of("connections"), 100),
    ("peak RSS MB", "hundred", "steady", of("rss_mb"), 30),
    ("wall ms", "bed", "steady", of("wall_ms"), 500),
    ("own CPU ms, half of pgmetrics'", "bed", "steady", of("cpu_ms"), 80),
    ("server CPU ms, a third of pgmetrics'", "bed", "steady", of("server_ms"), 600),
    ("connections, no more than pgmetrics", "bed", "steady", of("connections"), 21),
    ("statements, fewer than pgmetrics", "bed", "steady", of("statements"), 334),
    ("bytes sent", "bed", "steady", of("sent"), 60_000),
    ("peak RSS MB", "bed", "steady", of("rss_mb"), 20),
    ("wall ms, everything due, as pgmetrics' run with bloat", "bed", "first", of("wall_ms"), 2280),
    ("server CPU ms, everything due, as pgmetrics'", "bed", "first", of("server_ms"), 1810),
]


def table(rows):
    """All of them are of logins under trust."""
    lines = ["| bed | run | figure | measured | goal | | values brought home |", "|---" * 7 + "|"]
    for what, bed, kind, figure, most in GOALS:
        row = next(r for r in rows if (r["bed"], r["auth"], r["kind"], r["name"]) == (bed, "trust", kind, "pganalytics"))
        got = figure(row)
        verdict = "met" if got <= most else "**missed**"
        shown = f"{got:.2f}" if isinstance(most, float) else bench.number(got)
        lines.append(f"| {bed} | {kind} | {what} | {shown} | <= {most:,} | {verdict} | {row['fields']:,} |")
    return "\n".join(lines)
