// The fleet: what needs somebody, and then every server, the worst first.

import { h, mark, table } from './dom.js';
import { NONE, ago, count, ms, percent, rate } from './format.js';
import { serverPath, sectionOf } from './paths.js';

const STATES = [['failing', 'failing'], ['silent', 'silent'], ['late', 'late'], ['new', 'new'], ['ok', 'ok']];
const FIRST = 8;
const RANK = { critical: 0, warning: 1 };
const BROKEN = ['silent', 'failing'];

/** What is typed into the filter outlives a refresh. */
const chosen = { text: '', state: null };

export function fleet(told) {
  if (!told.collectors.length) return [h('h1', {}, 'Fleet'), empty()];
  const rows = ordered(told);
  return [
    h('h1', {}, 'Fleet'),
    tiles(told, rows),
    attention(told),
    servers(rows),
  ];
}

function empty() {
  const here = location.href.replace(/[#?].*$/, '').replace(/\/$/, '');
  return h('section', { class: 'card first' },
    h('h2', {}, 'No collector has registered yet'),
    h('p', {}, 'On a host that reaches the PostgreSQL server that you want to watch:'),
    h('ol', {},
      h('li', {}, 'Put this backend into ', h('code', {}, '/etc/pganalytics/collector.toml'), ':', h('pre', {}, `[backend]\nurl = "${here}"`)),
      h('li', {}, 'Register, with the registration secret of this backend in a file:',
        h('pre', {}, 'pganalytics register --secret-file /root/registration-secret')),
      h('li', {}, 'See what it would do, and what is missing:', h('pre', {}, 'pganalytics check')),
      h('li', {}, 'Let cron run it each minute:', h('pre', {}, '* * * * * /opt/pganalytics/bin/pganalytics cron'))),
    h('p', {}, 'This page shows it as soon as its first batch has come.'));
}

/** A row for each server, and for each collector that has none yet. */
function ordered({ collectors, servers, findings }) {
  const of = new Map(collectors.map((one) => [one.id, []]));
  servers.forEach((server) => of.get(server.collector_id)?.push(server));
  const rows = collectors.flatMap((collector) => {
    const all = of.get(collector.id);
    return (all.length ? all : [{ server: null }]).map((server) => row(collector, server, findings));
  });
  const name = ({ collector, server }) => `${collector.name} ${server.server ?? ''}`;
  return rows.sort((a, b) => a.rank - b.rank || b.found.length - a.found.length || name(a).localeCompare(name(b), undefined, { numeric: true }));
}

function row(collector, server, findings) {
  const found = findings.filter((one) => one.collector_id === collector.id && (!one.server || one.server === server.server));
  const state = BROKEN.includes(collector.state) ? 0 : 2;
  return { collector, server, found, rank: Math.min(state, ...found.map((one) => RANK[one.severity])) };
}

function tiles({ collectors }, rows) {
  const tile = (state, title, number) => h('button', {
    type: 'button', class: `tile ${number && state ? state : ''}`, 'aria-pressed': String(chosen.state === state), 'data-key': `tile ${state}`,
    onclick: () => { chosen.state = chosen.state === state ? null : state; filter(rows); },
  }, h('b', {}, number), ' ', state ? mark(state, title) : title);
  const number = (state) => collectors.filter((one) => one.state === state).length;
  return h('div', { class: 'tiles', role: 'group', 'aria-label': 'Collectors by state: choose one to see it alone' },
    tile(null, collectors.length === 1 ? 'collector' : 'collectors', collectors.length),
    STATES.map(([state, title]) => tile(state, title, number(state))));
}

function attention({ findings, findings_total, collectors }) {
  if (!findings.length) {
    return h('section', { class: 'card calm' }, h('h2', {}, 'Needs attention'), h('p', {}, mark('ok', 'Nothing: every figure is within its bounds.')));
  }
  const named = new Map(collectors.map((one) => [one.id, one.name]));
  const item = (finding) => h('li', { class: finding.severity }, h('a', { href: serverPath(finding.collector_id, finding.server, { at: sectionOf(finding.kind) }) },
    mark(finding.severity), h('span', { class: 'whom' }, place(named.get(finding.collector_id), finding.server)), h('span', { class: 'what' }, finding.text)));
  const rest = findings.slice(FIRST);
  return h('section', { class: 'card' },
    h('h2', {}, 'Needs attention ', h('span', { class: 'quiet' }, findings_total)),
    h('ul', { class: 'findings' }, findings.slice(0, FIRST).map(item)),
    rest.length ? h('details', { 'data-key': 'findings' }, h('summary', {}, `${rest.length} more`), h('ul', { class: 'findings' }, rest.map(item))) : null);
}

const place = (collector, server) => server ? `${collector} / ${server}` : collector;

function servers(rows) {
  const headings = [
    { label: 'server' }, { label: 'state' }, { label: 'last seen', number: true }, { label: 'cycle', number: true },
    { label: 'spool', number: true }, { label: 'sessions', number: true }, { label: 'transactions', number: true },
    { label: 'cache hits', number: true }, { label: 'log errors, 15 min', number: true }, { label: 'worst' },
  ];
  const cells = ({ collector, server, found }) => [
    h('a', { class: 'name', href: serverPath(collector.id, server.server), 'data-key': `row ${collector.id} ${server.server}` },
      place(collector.name, server.server), h('small', {}, collector.hostname)),
    mark(collector.state, collector.state === 'new' ? 'new' : null),
    ago(collector.silent_s),
    ms(collector.cycle_ms),
    count(collector.spool_batches),
    server.sessions === null || server.sessions === undefined ? NONE : `${count(server.active)} of ${count(server.sessions)}`,
    rate(server.transactions_per_s),
    percent(server.cache_hit_percent),
    count(server.log_errors),
    found.length ? [mark(found[0].severity), ' ', found[0].text, found.length > 1 ? h('small', {}, `and ${found.length - 1} more`) : null] : NONE,
  ];
  const input = h('input', { type: 'search', id: 'find', 'data-key': 'find', placeholder: 'name, host, trouble', autocomplete: 'off', spellcheck: 'false',
    oninput: () => { chosen.text = input.value; filter(rows); } });
  input.value = chosen.text;
  const all = table('Servers', headings, rows.map((row) => ({ cells: cells(row), class: row.rank === 0 ? 'critical' : row.rank === 1 ? 'warning' : null })));
  [...all.tBodies[0].rows].forEach((element, n) => { rows[n].element = element; });
  const section = h('section', { class: 'card servers' },
    h('div', { class: 'head' }, h('h2', {}, 'Servers ', h('span', { class: 'quiet', id: 'shown', 'aria-live': 'polite' })),
      h('label', { for: 'find' }, 'Filter '), input),
    all);
  filter(rows, section);
  return section;
}

function filter(rows, section = document) {
  const words = chosen.text.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const { collector, server, found, element } of rows) {
    if (!element) continue;
    const text = [collector.name, collector.hostname, server.server, collector.state, ...found.map((one) => one.text)].join(' ').toLowerCase();
    const fits = (!chosen.state || collector.state === chosen.state) && words.every((word) => text.includes(word));
    element.hidden = !fits;
    shown += fits;
  }
  const told = section.querySelector('#shown');
  if (told) told.textContent = shown === rows.length ? rows.length : `${shown} of ${rows.length}`;
  document.querySelectorAll('.tile').forEach((tile) => tile.setAttribute('aria-pressed', String(tile.dataset.key === `tile ${chosen.state}`)));
}
