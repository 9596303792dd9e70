"""What becomes of size and of questions between a day and thirty days of 100 collectors.

Each collector registers and pushes for real, and one of them a batch for every day, so that the backend makes the
partitions; then the last batch of each is repeated inside the database, moved in time, with ids as the backend gives
them. The collector that is asked about is there with every minute; the others, whose rows its questions must pass by,
with every other hour's: all of their minutes would be half a terabyte and more. So a question reads as many rows, lying as they
would, as if all were there."""

import concurrent.futures
import json
import re
import statistics
import sys
import time
import urllib.request

import bench
from bench_backend import FAMILIES, SETTINGS, TREE, Api, Load, record, records_of, settings, sizes

COLLECTORS = 100
DAYS = 30
OTHERS_EVERY_MIN = 120
RUNS = 20
FILLING = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
# Of the contract, for reading.
MEAN_MS, P95_MS = 100, 500


# Filling

def prepare(server):
    """The last batch of each collector, aside; and who is there in which minute."""
    text = """
        create table last as select distinct on (collector_id) collector_id, num, "timestamp" from batches
            order by collector_id, num desc;
        create table minutes (num bigint, collector_id uuid, shift interval, sizes boolean, sequence bigint);
        create table part_metrics as select m.* from metrics m join last l on m.id >> 16 = l.num;
        create index on part_metrics (collector_id, id);
    """
    for family in FAMILIES:
        text += f"""create table part_{family} as select f.* from {family} f join last l on f.item >> 16 = l.num;
            create index on part_{family} (collector_id, item, position);"""
    server.sql("store", text + "analyze")


def fill(server, asked, end, day):
    """The 24 hours that end so many days before `end`."""
    server.sql("store", f"""
        truncate minutes;
        insert into minutes
        select nextval(pg_get_serial_sequence('batches', 'num')), n.* from (
            select l.collector_id, at - l."timestamp", minute % 5 = 0, minute
            from (select at, (extract(epoch from at) / 60)::bigint as minute
                  from generate_series(to_timestamp({end}) - interval '{day + 1} days' + interval '1 minute'
                                      , to_timestamp({end}) - interval '{day} days', interval '1 minute') at) m
            cross join last l
            where l.collector_id = '{asked}' or minute % {OTHERS_EVERY_MIN} = 0 order by at, l.collector_id) n;
        analyze minutes;
        insert into batches overriding system value
        select n.num, b.collector_id, gen_random_uuid()::text, b.received_at + n.shift, b."timestamp" + n.shift
            , n.sequence, b.bytes, b.items, b.records
        from minutes n join last l using (collector_id) join batches b on b.num = l.num order by n.num""")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        rest = ["metrics", *FAMILIES[1:]]
        list(pool.map(lambda tables: [repeat(server, table) for table in tables], [FAMILIES[:1], rest]))


def repeat(server, table):
    """In the order in which it would have come: minute by minute, collector by collector."""
    names = server.sql("store", f"""select attname from pg_attribute where attrelid = '{table}'::regclass and attnum > 0
        and not attisdropped order by attnum""").split()
    number = "id" if table == "metrics" else "item"
    moved = {number: f"n.num * 65536 + (p.{number} & 65535)", "timestamp": 'p."timestamp" + n.shift',
             "size_bytes": "case when n.sizes then coalesce(p.size_bytes, 212992) end"}
    order = number if table == "metrics" else "item, position"
    server.sql("store", f"""
        set synchronous_commit = off; set enable_hashjoin = off; set enable_mergejoin = off; set jit = off;
        set max_parallel_workers_per_gather = 0;
        insert into {table} ({', '.join(f'"{name}"' for name in names)})
        select {', '.join(moved.get(name, f'p."{name}"') for name in names)}
        from (select * from minutes order by num) n
        cross join lateral (select * from part_{table} p where p.collector_id = n.collector_id order by {order}) p""")


def durable(server, on):
    for name in FILLING:
        server.sql("postgres", f"alter system {'reset' if on else 'set'} {name} {'' if on else '= ' + FILLING[name]}")
    server.sql("postgres", "select pg_reload_conf()")
    time.sleep(0.5)


def fill_days(server, asked, end, days):
    durable(server, False)
    for day in days:
        fill(server, asked, end, day)
        print(f"day {day} is there", file=sys.stderr, flush=True)
    durable(server, True)
    server.sql("store", "vacuum analyze; checkpoint")


# Asking

def questions(asked, end):
    """Their spans end with what was filled, whenever they are asked."""
    def since(span_s):
        return f"now() - interval '{span_s + time.time() - end:.0f} seconds'"

    top = ("select t.text, sum(q.growth_time) from query_stats q join query_texts t using (collector_id, server, hash) "
           "where q.collector_id = '{}' and q.timestamp > {} group by 1 order by 2 desc limit 20")
    return {
        "`count(*)` of `metrics`, one collector, five minutes": "select count(*) from metrics where collector_id = "
        f"'{asked}' and timestamp > {since(300)}",
        "`count(*)` of `metrics` by minute, all that is there": "select date_trunc('minute', timestamp), count(*) from metrics "
        "group by 1",
        "its 20 statements that took most time, one hour": top.format(asked, since(3600)),
        "its 20 statements that took most time, one day": top.format(asked, since(86_400)),
        "the size of one of its tables, seven days": "select timestamp, size_bytes from table_stats where collector_id = "
        f"'{asked}' and timestamp > {since(7 * 86_400)} and database = 'app01' and schema = 'public' and name = 't01' "
        "and size_bytes is not null order by 1",
    }


def ask(server, query):
    """As psql tells it, over one connection."""
    script = "\\timing on\n\\o /dev/null\n" + f"{query};\n" * (RUNS + 1)
    told = server.sql("store", script)
    return [float(ms) for ms in re.findall(r"Time: ([\d.]+) ms", told)][1:]


def get(api, who, query):
    times = []
    for _ in range(RUNS + 1):
        start = time.monotonic()
        request = urllib.request.Request(f"{api.url}/api/v1/metrics{query}", headers={"Authorization": who["authorization"]})
        with urllib.request.urlopen(request) as answer:
            body = answer.read()
        times.append((time.monotonic() - start) * 1000)
    if not json.loads(body)["metrics"]:
        sys.exit(f"nothing is answered to {query}")
    return times[1:]


def moment(at):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def measure(server, api, load, who, end):
    span = f"?collector_id={who['id']}&start_time={moment(end - 3600)}&end_time={moment(end)}"
    times = {"GET `/api/v1/metrics`, the newest of one collector": get(api, who, ""),
             "GET `/api/v1/metrics`, one collector, one hour, a page of 100": get(api, who, span)}
    times |= {title: ask(server, query) for title, query in questions(who["id"], end).items()}
    load.prepare(f"closed 1 {RUNS + 1} 600")
    times["a push"] = load.go()["ms"][1:]
    return times, sizes(server)


# Telling

def times_table(day, month):
    lines = [f"| | 1 day: median ms (p95) | {DAYS} days: median ms (p95) | ratio | mean of {DAYS} days, goal < {MEAN_MS} | "
             f"p95, goal < {P95_MS} |", "|---" * 6 + "|"]
    for title in day:
        cells, medians = [], []
        for times in (day[title], month[title]):
            medians.append(statistics.median(times))
            cells.append(f"{bench.number(medians[-1])} ({bench.number(p95(times))})")
        met = [bench.number(statistics.mean(month[title])), bench.number(p95(month[title]))]
        lines.append("| " + " | ".join([title, *cells, f"{medians[1] / medians[0]:.2f}", *met]) + " |")
    return "\n".join(lines)


def p95(times):
    return statistics.quantiles(times, n=20, method="inclusive")[18]


def growth_table(day, month):
    lines = [f"| table | rows, 1 day | bytes with indexes, 1 day | rows, {DAYS} days | bytes with indexes, {DAYS} days | "
             "ratio of bytes | bytes/row, 1 day | the same, later |", "|---" * 8 + "|"]
    everything = [tuple(map(sum, zip(*whole.values()))) for whole in (day, month)]
    for table, few, many in [*((table, day[table], month[table]) for table in day), ("all", *everything)]:
        if few[0]:
            before, after = sum(few[1:]), sum(many[1:])
            lines.append(f"| {table} | {few[0]:,} | {before:,} | {many[0]:,} | {after:,} | {after / before:.1f} | "
                         f"{before / few[0]:,.0f} | {after / many[0]:,.0f} |")
    return "\n".join(lines)


def growth_bench(base):
    batches = record(base)
    _, records = records_of(batches["steady"][0])
    server = bench.Server(base, TREE, SETTINGS)
    api = None
    try:
        told = [settings(server)]
        api = Api(base, server, "store")
        load = Load(base, api, batches, COLLECTORS)
        for order in ("first 4", f"late {DAYS + 1}", f"closed 4 {COLLECTORS} 600"):
            load.prepare(order)
            load.go()
        load.say("who")
        who = json.loads(load.hear())
        end = int(time.time()) // 60 * 60
        prepare(server)
        fill_days(server, who["id"], end, [0])
        day, few = measure(server, api, load, who, end)
        fill_days(server, who["id"], end, range(1, DAYS))
        month, many = measure(server, api, load, who, end)
        load.end()
        bytes_a_record = sum(sum(size[1:]) for size in many.values()) / sum(
            many[table][0] for table in ["metrics", *FAMILIES])
        a_day = COLLECTORS * 1440 * records
        told += [f"{COLLECTORS} collectors, {records} records each a minute. One is there with every minute, the others "
                 f"with one of {OTHERS_EVERY_MIN}. With all minutes of all it would be {a_day:,} records and "
                 f"{a_day * bytes_a_record / 1e9:.1f} GB a day, at {bytes_a_record:.0f} bytes a record.",
                 f"Medians of {RUNS} runs, warm:", times_table(day, month), growth_table(few, many)]
        return "\n\n".join(told)
    finally:
        if api:
            api.stop()
        server.ctl("stop")
