// One server: what is wrong with it, its course over a span, and how it is now.

import { h, mark } from './dom.js';
import { ago, bytes, count, ms, percent, rate, seconds } from './format.js';
import { plot } from './plot.js';
import { sectionOf, serverPath } from './paths.js';
import { entries, filesystems, locks, open, slots, standbys, statements, wraparound } from './tables.js';

const SPANS = [[60, '1 h'], [360, '6 h'], [1440, '24 h'], [10080, '7 d']];

export function server(told, route) {
  const name = told.server ? `${told.collector.name} / ${told.server}` : told.collector.name;
  const parts = [
    h('nav', { class: 'crumbs', 'aria-label': 'Where this is' }, h('a', { href: '#/' }, 'Fleet'), ' › ', h('span', { 'aria-current': 'page' }, name)),
    h('div', { class: 'head' }, h('h1', {}, name), mark(told.collector.state, told.collector.state === 'new' ? 'never heard of' : null)),
    others(told, route),
    facts(told),
    findings(told, route),
  ];
  if (!told.server) {
    return [...parts, h('section', { class: 'card' }, h('p', {}, 'This collector has not told of any server yet.'))];
  }
  return [...parts, spans(told, route), ...sections(told)];
}

function others({ servers, server, collector }, route) {
  if (servers.length < 2) return null;
  return h('nav', { class: 'choices', 'aria-label': 'Servers of this collector' }, servers.map((one) =>
    h('a', { href: serverPath(collector.id, one, route), 'aria-current': one === server ? 'page' : null }, one)));
}

function facts({ facts, collector, server }) {
  const role = facts.standby ? `standby${facts.primary ? ` of ${facts.primary}` : ''}` : 'primary';
  const all = [
    server && ['role', role],
    facts.uptime_s > 0 && ['up for', seconds(facts.uptime_s)],
    facts.sessions !== null && ['sessions', `${count(facts.sessions)} of ${count(facts.max_connections)}`],
    server && ['databases', count(facts.databases)],
    ['last seen', ago(collector.silent_s)],
    ['cycle', ms(collector.cycle_ms)],
    collector.spool_batches > 0 && ['spool', `${count(collector.spool_batches)} batches`],
    ['host', collector.hostname],
    collector.version && ['collector', collector.version],
  ];
  return h('dl', { class: 'facts', id: 'collector', tabindex: -1 }, all.filter(Boolean).map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));
}

function findings({ findings }, route) {
  if (!findings.length) return h('section', { class: 'card calm' }, h('p', {}, mark('ok', 'Nothing is beyond its bounds.')));
  return h('section', { class: 'card' }, h('h2', {}, 'Needs attention ', h('span', { class: 'quiet' }, findings.length)),
    h('ul', { class: 'findings' }, findings.map((finding) => h('li', { class: finding.severity },
      h('a', { href: serverPath(route.collector, route.server, { ...route, at: sectionOf(finding.kind) }) },
        mark(finding.severity), h('span', { class: 'what' }, finding.text))))));
}

function spans(told, route) {
  const link = (text, changes, current) => h('a', { href: serverPath(route.collector, route.server, { ...route, at: null, ...changes }), 'aria-current': current ? 'true' : null,
    'data-key': `span ${text}` }, text);
  const half = (told.until - told.since) / 2;
  const moved = (by) => new Date((told.until + by) * 1000).toISOString().replace(/\.\d+/, '');
  const past = Boolean(route.until);
  return h('nav', { class: 'choices', 'aria-label': 'Span of time' },
    SPANS.map(([minutes, text]) => link(text, { minutes }, minutes === route.minutes)),
    h('span', { class: 'apart' }), link('‹ earlier', { until: moved(-half) }),
    past ? link('later ›', { until: told.until + half > Date.now() / 1000 ? null : moved(half) }) : null,
    past ? link('now', { until: null }) : null);
}

function sections(told) {
  const { plots, since, until } = told;
  const draw = (key, title, about, options) => plot({ key, title, about, since, until, lines: plots[key].lines, gap: plots[key].gap_s, ...options });
  const section = (id, title, ...content) => {
    const worst = told.findings.find((one) => sectionOf(one.kind) === id)?.severity;
    return h('section', { class: `card ${worst ?? ''}`, id, tabindex: -1, 'aria-label': title },
      h('h2', {}, title, worst ? [' ', mark(worst)] : null), content);
  };
  const pair = (...two) => h('div', { class: 'pair' }, two);
  return [
    section('load', 'Load', pair(
      draw('sessions', 'Sessions', 'Sessions at work, waiting, and idle in a transaction.', { format: count, least: 4 }),
      draw('host', 'Host', 'The collector\'s host: processors and memory.', { format: percent, top: 100, note: 'The host was not measured.' }))),
    section('work', 'Work', pair(
      draw('transactions', 'Transactions', 'Transactions a second.', { format: rate }),
      draw('cache', 'Cache hits', 'Blocks found in shared buffers.', { format: percent, floor: 90, top: 100, bounds: [70] }))),
    section('statements', 'Statements that took most time', statements(told)),
    section('locks', 'Locks now', locks(told),
      draw('locks', 'Waiting for a lock', 'Sessions that waited at each run.', { format: count, least: 2 })),
    section('open', 'Longest transactions now', open(told)),
    section('replication', 'Replication', standbys(told), slots(told), plots.behind.lines.length
      ? draw('behind', 'Behind', 'What standbys have not replayed yet.', { format: bytes, base: 1024, least: 1024 }) : null),
    section('disks', 'Disks', pair(
      draw('disks', 'In use', 'Share of each file system in use.', { format: percent, top: 100, bounds: [80, 90], note: 'No file system was measured.' }),
      filesystems(told))),
    section('wraparound', 'Wraparound', wraparound(told)),
    section('log', 'Log', draw('errors', 'Errors and warnings', 'Entries of the log by level.', { format: count, bars: true, note: 'Nothing of this server\'s log was read within this span.' }),
      entries(told)),
  ];
}
