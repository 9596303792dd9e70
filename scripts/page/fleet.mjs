// A simulated fleet: each registers for real and pushes a real collector's batch under its own id, with moments moved, counters
// that go on, and here and there something wrong.

import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { SECRET, sql } from './bed.mjs';

const SITES = ['ber', 'fra', 'gru', 'lis', 'osl', 'sin', 'yyz'];
const WHAT = ['billing', 'catalog', 'orders', 'search', 'stock', 'users'];

const first = (batch, type) => batch.metrics.find((item) => item.type === type);
const written = (at) => new Date(at * 1000).toISOString();

/** A pseudo-random number from 0 to 1, the same each time. */
const chance = (...seed) => {
  const x = Math.sin(seed.reduce((sum, n, at) => sum + n * (12.9898 + at * 65.233), 0)) * 43758.5453;
  return x - Math.floor(x);
};

export async function enrol(backend, name) {
  const { collector_id: id, token } = await backend.post('collectors/register', { name, hostname: `${name}.example` }, { 'X-Registration-Secret': SECRET });
  return { id, token, name };
}

/** The batch as it would be at that moment; `change` has the item of each type, to make of it what it likes. */
export async function push(backend, template, one, at, change) {
  const batch = structuredClone(template);
  Object.assign(batch, { batch_id: randomUUID(), collector_id: one.id, hostname: `${one.name}.example`, timestamp: written(at), started_at: written(at), interval_s: 60 });
  batch.metrics = batch.metrics.filter((item) => item.server !== 'near').map((item) => ({ ...item, timestamp: written(at) }));
  const host = first(batch, 'agent').server;
  batch.metrics.forEach((item) => { if (item.server === host) item.server = `${one.name}.example`; });
  first(batch, 'agent').servers = first(batch, 'agent').servers.filter(({ server }) => server === 'main');
  change(batch);
  batch.metrics_count = batch.metrics.length;
  const body = gzipSync(JSON.stringify(batch), { level: 1 });
  const answer = await fetch(`${backend.url}/api/v1/metrics/push`, { method: 'POST', body,
    headers: { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip', Authorization: `Bearer ${one.token}` } });
  const told = await answer.json();
  if (!answer.ok || told.refused.length) throw new Error(`push of ${one.name}: ${JSON.stringify(told)}`);
}

function each(batch, type, change) {
  batch.metrics.filter((item) => item.type === type).forEach(change);
}

function work(batch, transactions, hits, reads, n) {
  each(batch, 'pg_stats', (item) => {
    Object.assign(item, { transactions_committed: Math.round(transactions), transactions_rolledback: Math.round(transactions / 300),
      blocks_hit: Math.round(hits), blocks_read: Math.round(reads) });
  });
  each(batch, 'pg_connections', (item) => {
    Object.assign(item, { total: 20 + n % 30, active: 1 + n % 5, active_waiting: n % 2, idle_in_transaction: n % 3, max_connections: 200, used_percent: 10 + n % 30, long_running_transactions: [], idle_transactions: [] });
  });
  each(batch, 'pg_locks', (item) => Object.assign(item, { waiting: 0, lock_wait_chains: [] }));
  each(batch, 'disk_usage', (item) => { item.filesystems = disks(40 + n % 30); });
  each(batch, 'pg_log', (item) => Object.assign(item, { by_level: { error: n % 4, log: 20 }, kinds: [], samples: [] }));
  each(batch, 'agent', (item) => Object.assign(item, { cycle_ms: 400 + 37 * (n % 20), spool_batches: 0 }));
}

const disks = (percent) => [['/', '/dev/vda1', 31], ['/var/lib/postgresql', '/dev/vdb', percent]].map(([mount, device, percent_used]) =>
  ({ mount, device, fs_type: 'ext4', percent_used, total_bytes: 2 ** 39, free_bytes: Math.round(2 ** 39 * (1 - percent_used / 100)), used_bytes: Math.round(2 ** 39 * percent_used / 100), read_only: false }));

const chain = (ms) => ({ blocked_pid: 4711, blocked_user: 'checkout', blocked_database: 'shop', blocked_query: 'update stock set amount = amount - 0 where article = 0', wait_ms: ms, depth: 1,
  mode: 'ShareLock', locktype: 'transactionid', blocking_pid: 1234, blocking_user: 'report', blocking_state: 'idle in transaction', blocking_query: 'select sum(amount) from stock for update', root_pid: 1234, blocking_pids: [1234] });

/** What is wrong with whom. */
const TROUBLE = {
  17: (batch) => each(batch, 'pg_locks', (item) => Object.assign(item, { waiting: 6, lock_wait_chains: [chain(95_000), { ...chain(40_000), blocked_pid: 4712 }] })),
  42: (batch) => each(batch, 'disk_usage', (item) => { item.filesystems = disks(96.2); }),
  77: (batch) => each(batch, 'pg_replication', (item) => item.wraparound_risk?.forEach((row) => { row.percent_until_wraparound = 86; row.xid_age = 1_846_835_937; })),
  99: (batch) => each(batch, 'disk_usage', (item) => { item.filesystems = disks(83); }),
  120: (batch) => each(batch, 'agent', (item) => { item.servers[0].refused = 'connection refused'; }),
  150: (batch) => each(batch, 'pg_log', (item) => Object.assign(item, { by_level: { error: 480, fatal: 3 } })),
  151: (batch) => each(batch, 'agent', (item) => { item.spool_batches = 31; item.spool_oldest_s = 1900; }),
};
const SILENT = [5, 63, 188], LATE = [33, 34, 140, 171];

export async function simulate(backend, template, count) {
  const now = Math.floor(Date.now() / 1000);
  const ids = [];
  for (let n = 0; n < count; n += 1) {
    // Somebody who tries markup where names go.
    const name = n === 0 ? '<img src=x onerror=alert(1)>' : `${WHAT[n % WHAT.length]}-${SITES[n % SITES.length]}-${String(n).padStart(3, '0')}`;
    const one = await enrol(backend, name);
    ids.push(one.id);
    const speed = 20 + 400 * chance(n);
    for (const at of [now - 1000, now - 65, now - 5]) {
      await push(backend, template, one, at, (batch) => {
        const done = 1e6 + speed * (at - now + 1000), hit = 0.97 + 0.029 * chance(n, 2);
        work(batch, done, 40 * hit * done, 40 * (1 - hit) * done, n);
        TROUBLE[n]?.(batch);
      });
    }
  }
  const ago = (all, s) => sql('store', `update collectors set last_seen = now() - interval '${s} s' where id in (${all.map((n) => `'${ids[n]}'`)})`);
  if (count > Math.max(...SILENT, ...LATE)) {
    ago(SILENT, 2400);
    ago(LATE, 200);
  }
  return ids;
}

const STATEMENTS = [
  ['select s.article, s.amount, a.title, a.price from stock s join article a on a.id = s.article where s.warehouse = $1 and s.amount > $2 order by a.title limit $3', 9],
  ['update stock set amount = amount - $1 where article = $2 and warehouse = $3', 5],
  ['select * from orders where customer = $1 order by placed_at desc limit $2', 3],
  ['insert into orders (customer, placed_at, total) values ($1, $2, $3) returning id', 2.2],
  ['select count(*) from events where at > $1 and kind = any ($2)', 1.4],
  ['delete from session where expires_at < $1', 0.5],
  ["select '<script>alert(1)</script>' as hostile, x.* from json_to_recordset($1) x(a int)", 0.3],
];

/** One with a week behind it, a pause an hour ago, and an incident that began 25 minutes ago and goes on. */
export async function history(backend, template, name) {
  const one = await enrol(backend, name);
  const now = Math.floor(Date.now() / 1000);
  const begun = now - 7 * 86400;
  let total = 1e7, hits = 4e8, reads = 4e6, time = STATEMENTS.map(() => 1e6), before = begun - 600;
  const moments = [];
  for (let at = begun; at < now - 7200; at += 600) moments.push(at);
  for (let at = now - 7200; at <= now; at += 60) if (at < now - 3300 || at > now - 2500) moments.push(at);
  for (const at of moments) {
    const daily = 1 + 0.6 * Math.sin((at % 86400) / 86400 * 2 * Math.PI - 2);
    const bad = at > now - 1500 ? (at - now + 1500) / 1500 : 0;
    const noise = 0.9 + 0.2 * chance(at);
    const done = (at - before) * 260 * daily * noise * (1 - 0.7 * bad), hit = 0.992 - 0.002 * daily * noise - 0.33 * bad;
    total += done;
    hits += 40 * done * hit;
    reads += 40 * done * (1 - hit);
    time = time.map((sum, n) => sum + (at - before) * STATEMENTS[n][1] * 12 * daily * (n === 0 ? 1 + 6 * bad : 1) * (0.8 + 0.4 * chance(at, n)));
    before = at;
    await push(backend, template, one, at, (batch) => {
      work(batch, total, hits, reads, 8);
      each(batch, 'pg_connections', (item) => Object.assign(item, { total: 60 + Math.round(90 * bad), active: Math.round(6 * daily * noise + 70 * bad), active_waiting: Math.round(1 + 60 * bad), idle_in_transaction: 2 + Math.round(3 * bad), used_percent: 30 + 45 * bad,
        idle_transactions: bad ? [{ pid: 1234, user: 'report', database: 'shop', application: 'nightly', state: 'idle in transaction', backend_type: 'client backend', duration_ms: bad * 1_500_000, query: 'select sum(amount) from stock for update' }] : [] }));
      each(batch, 'pg_locks', (item) => Object.assign(item, { waiting: Math.round(58 * bad), lock_wait_chains: bad ? [chain(bad * 1_400_000), { ...chain(bad * 900_000), blocked_pid: 4712 }, { ...chain(bad * 300_000), blocked_pid: 4713, depth: 2, blocking_pid: 4711, blocking_user: 'checkout', blocking_state: 'active' }] : [] }));
      each(batch, 'disk_usage', (item) => { item.filesystems = disks(68 + 25 * (at - begun) / (now - begun)); });
      each(batch, 'sysstat', (item) => { item.cpu = { ...item.cpu, idle: 97 - 24 * daily * noise - 28 * bad, iowait: 3 + 20 * bad }; });
      each(batch, 'pg_log', (item) => Object.assign(item, { by_level: { error: Math.round(2 * chance(at, 9) + 40 * bad), warning: Math.round(3 * chance(at, 8)), fatal: bad > 0.8 ? 2 : 0 },
        samples: bad ? [{ at: written(at), level: 'error', severity: 'failed', kind: 'lock_timeout', database: 'shop', user: 'checkout', message: 'canceling statement due to lock timeout', text: 'update stock set amount = amount - 0 where article = 0' }] : [] }));
      const own = batch.metrics.filter((item) => item.type === 'pg_query_stats');
      batch.metrics = batch.metrics.filter((item) => item.type !== 'pg_query_stats');
      batch.metrics.push({ ...own[0], database: 'shop', queries: STATEMENTS.map(([text, cost], n) => ({ hash: String(9000 + n), userid: 10, user: 'checkout', text, calls: Math.round(time[n] / cost), total_time: time[n], rows: Math.round(time[n]), shared_blks_read: Math.round(time[n] * (n === 0 ? 3 : 0.2)), shared_blks_hit: Math.round(time[n] * 20) })) });
    });
  }
  return one;
}
