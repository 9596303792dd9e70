// What is true now, as tables. All texts here are somebody's: statements, names, messages.

import { gauge, h, mark, table } from './dom.js';
import { NONE, bytes, count, ms, percent, moment } from './format.js';
import { spark } from './plot.js';

const none = (text) => h('p', { class: 'quiet' }, text);
const level = (value, warning, critical, falling) => {
  const beyond = (bound) => falling ? value <= bound : value >= bound;
  return beyond(critical) ? 'critical' : beyond(warning) ? 'warning' : 'ok';
};

/** One line until it is asked for. */
function text(statement, key) {
  if (!statement) return h('span', { class: 'quiet' }, 'its text is not known');
  return h('details', { class: 'statement', 'data-key': key }, h('summary', {}, h('code', {}, statement.replace(/\s+/g, ' ').slice(0, 300))), h('pre', {}, statement));
}

export function statements({ statements, plots, since, until }) {
  if (!statements.length) return none('No statement was told within this span. It takes pg_stat_statements.');
  const headings = [{ label: 'statement' }, { label: 'share of time' }, { label: 'total', number: true }, { label: 'calls', number: true },
    { label: 'mean', number: true }, { label: 'blocks read', number: true }, { label: 'trend' }];
  return table('Statements that took most time', headings, statements.map((one) => ({ cells: [
    [text(one.text, `statement ${one.hash}`), h('small', {}, [one.database, one.user].filter(Boolean).join(' · '))],
    h('span', { class: 'share' }, gauge(one.share_percent ?? 0, 'c0'), percent(one.share_percent)),
    ms(one.total_ms), count(one.calls), ms(one.calls ? one.total_ms / one.calls : null), count(one.blocks_read),
    spark(one.trend, plots.transactions.gap_s, since, until, (value) => `${ms(value)} a second`, 'Trend'),
  ] })));
}

const who = (pid, user, state) => [`pid ${pid ?? NONE}`, user, state].filter(Boolean).join(', ');

export function locks({ waits }) {
  if (!waits.length) return none('Nobody waited for a lock at the last run.');
  const headings = [{ label: 'waits' }, { label: 'for', number: true }, { label: 'wants' }, { label: 'in the way' }];
  return table('Who waits for whom', headings, waits.map((one) => ({
    class: level(one.wait_ms ?? 0, 10000, 60000),
    cells: [
      [who(one.blocked_pid, one.blocked_user, one.blocked_database), text(one.blocked_query, `blocked ${one.blocked_pid} ${one.blocking_pid}`)],
      ms(one.wait_ms),
      [one.mode, one.relation ?? one.locktype].filter(Boolean).join(' on ') || NONE,
      [who(one.blocking_pid, one.blocking_user, one.blocking_state), text(one.blocking_query, `blocking ${one.blocked_pid} ${one.blocking_pid}`)],
    ],
  })));
}

export function open({ transactions }) {
  if (!transactions.length) return none('No transaction was open for longer than a moment at the last run.');
  const headings = [{ label: 'session' }, { label: 'open for', number: true }, { label: 'state' }, { label: 'statement' }];
  return table('Longest transactions', headings, transactions.map((one) => ({
    class: level(one.duration_ms ?? 0, 300000, 3600000),
    cells: [who(one.pid, one.user, [one.database, one.application].filter(Boolean).join(' · ')), ms(one.duration_ms), one.state ?? NONE, text(one.query, `open ${one.pid}`)],
  })));
}

export function standbys({ standbys, facts }) {
  if (!standbys.length) return none(facts.standby ? 'It is a standby, and nobody follows it.' : 'Nobody follows this server.');
  const headings = [{ label: 'standby' }, { label: 'state' }, { label: 'behind', number: true }, { label: 'replay lag', number: true }];
  return table('Standbys', headings, standbys.map((one) => ({
    class: level(one.replay_lag_ms ?? 0, 10000, 300000),
    cells: [[one.name, one.address].filter(Boolean).join(' · ') || NONE, [one.state, one.sync].filter(Boolean).join(', ') || NONE, bytes(one.behind_bytes), ms(one.replay_lag_ms)],
  })));
}

export function slots({ slots }) {
  if (!slots.length) return null;
  const headings = [{ label: 'slot' }, { label: 'used' }, { label: 'keeps WAL', number: true }, { label: 'WAL status' }];
  return table('Replication slots', headings, slots.map((one) => ({
    class: one.active ? null : level(one.retained_bytes ?? 0, 2 ** 30, 10 * 2 ** 30),
    cells: [[one.name, one.kind].filter(Boolean).join(' · '), one.active ? mark('ok', 'active') : mark('late', 'inactive'), bytes(one.retained_bytes), one.wal_status ?? NONE],
  })));
}

export function wraparound({ wraparound }) {
  if (!wraparound.length) return none('Nothing was told of transaction ids.');
  const headings = [{ label: 'database' }, { label: 'left until wraparound' }, { label: 'age of ids', number: true }, { label: 'of multixacts', number: true }, { label: 'oldest table' }];
  return table('Wraparound by database', headings, wraparound.map((one) => {
    const how = one.left_percent === null ? 'ok' : level(one.left_percent, 50, 20, true);
    return { class: how, cells: [one.database, h('span', { class: 'share' }, gauge(one.left_percent ?? 0, how), percent(one.left_percent)),
      count(one.xid_age), count(one.mxid_age), one.oldest_table || NONE] };
  }));
}

export function filesystems({ filesystems }) {
  if (!filesystems.length) return null;
  const headings = [{ label: 'mount' }, { label: 'in use' }, { label: 'free', number: true }, { label: 'of', number: true }];
  return table('File systems', headings, filesystems.map((one) => {
    const how = level(one.used_percent ?? 0, 80, 90);
    return { class: how, cells: [[one.mount, h('small', {}, one.device)], h('span', { class: 'share' }, gauge(one.used_percent ?? 0, how), percent(one.used_percent)), bytes(one.free_bytes), bytes(one.total_bytes)] };
  }));
}

const WORSE = { critical: 'critical', warning: 'warning', failed: 'late' };

export function entries({ log }) {
  if (!log.length) return none('No entry of this span is worth reading.');
  const headings = [{ label: 'last at' }, { label: 'level' }, { label: 'samples', number: true }, { label: 'message' }, { label: 'statement' }];
  return table('Entries of the log', headings, log.map((one, n) => ({ cells: [
    one.at ? moment(Date.parse(one.at) / 1000) : NONE,
    mark(WORSE[one.severity] ?? 'ok', one.level), count(one.count),
    [one.message, h('small', {}, [one.database, one.user].filter(Boolean).join(' · '))],
    one.text ? text(one.text, `entry ${one.at} ${n}`) : NONE,
  ] })));
}
