// Courses over time, as SVG. Where runs are missing there is no line. All plots of a view share one cursor, so that what
// happened at one moment is read in all of them; the legend has the figures. Arrow keys move it, too.

import { h, svg } from './dom.js';
import { NONE, clock, moment } from './format.js';
import { near, pieces, range, ticks, times } from './scale.js';

const HEIGHT = 168;
const PAD = { left: 52, right: 10, top: 10, bottom: 22 };
const DAY = 86400;

/** Those in view, and the moment at which they are read. */
let shown = [];
let cursor = null;

export function forget() {
  shown.forEach((one) => one.watch.disconnect());
  shown = [];
}

function point(at) {
  cursor = at;
  shown.forEach((one) => one.read());
}

const path = (piece, x, y) => piece.map(([at, value], n) => `${n ? 'L' : 'M'}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join('');

function drawn(piece, x, y, attributes) {
  if (piece.length > 1) return svg('path', { ...attributes, d: path(piece, x, y) });
  return svg('circle', { ...attributes, class: `${attributes.class} dot`, cx: x(piece[0][0]).toFixed(1), cy: y(piece[0][1]).toFixed(1), r: 1.8 });
}

function axes(plot, width, x, y, [low, high]) {
  const right = width - PAD.right, bottom = HEIGHT - PAD.bottom;
  const across = ticks(low, high, 4, plot.base).map((value) => svg('g', {},
    svg('line', { class: 'grid', x1: PAD.left, x2: right, y1: y(value), y2: y(value) }),
    svg('text', { x: PAD.left - 6, y: y(value) + 4, 'text-anchor': 'end' }, plot.format(value))));
  const along = times(plot.since, plot.until, Math.max(2, Math.floor((right - PAD.left) / 70))).map(({ at, text }) => svg('g', {},
    svg('line', { class: 'tick', x1: x(at), x2: x(at), y1: bottom, y2: bottom + 4 }),
    svg('text', { x: Math.min(x(at), right - 14), y: bottom + 16, 'text-anchor': 'middle' }, text)));
  const bounds = (plot.bounds ?? []).filter((value) => value > low && value < high).map((value) =>
    svg('line', { class: 'bound', x1: PAD.left, x2: right, y1: y(value), y2: y(value) }));
  return [across, along, bounds];
}

function stacked(plot, x, y) {
  const below = new Map();
  const step = Math.max(300, (plot.until - plot.since) / 120);
  return plot.lines.map(({ name, points }) => points.filter(([, value]) => value).map(([at, value]) => {
    const from = below.get(at) ?? 0;
    below.set(at, from + value);
    const left = Math.max(PAD.left, x(at));
    const wide = Math.max(2, x(Math.min(plot.until, at + step)) - left - 1);
    return svg('rect', { class: `level ${name}`, x: left.toFixed(1), width: wide.toFixed(1),
      y: y(from + value).toFixed(1), height: Math.max(1, y(from) - y(from + value)).toFixed(1) });
  }));
}

/**
 * What it takes: `key`, `title`, `about`, `lines` of `{name, points}`, `gap`, `since`, `until`, `format`; perhaps `bars`, `floor`,
 * `top`, `least`, `base`, `bounds`, `note`.
 */
export function plot(plot) {
  const lines = plot.lines;
  const colour = (name, at) => plot.bars ? `level ${name}` : `c${at}`;
  const canvas = h('div', { class: 'canvas', tabindex: 0, role: 'group', 'data-key': `plot ${plot.key}`,
    'aria-label': `${plot.title}. ${plot.about} Left and right arrow keys read it.` });
  const values = lines.map(() => h('b', {}, NONE));
  const when = h('span', { class: 'when' });
  const live = h('p', { class: 'unseen', 'aria-live': 'polite' });
  const legend = h('ul', { class: 'legend' }, lines.map(({ name }, at) => h('li', {},
    svg('svg', { class: `swatch ${colour(name, at)}`, viewBox: '0 0 12 12', 'aria-hidden': 'true' }, svg('rect', { width: 12, height: 12, rx: 3 })),
    name, ' ', values[at])));
  let x = null, y = null, hair = null, dots = null;

  function draw(width) {
    const [low, high] = range(plot);
    x = (at) => PAD.left + (at - plot.since) / (plot.until - plot.since) * (width - PAD.left - PAD.right);
    y = (value) => HEIGHT - PAD.bottom - (Math.min(value, high) - low) / (high - low) * (HEIGHT - PAD.top - PAD.bottom);
    hair = svg('line', { class: 'hair', y1: PAD.top, y2: HEIGHT - PAD.bottom });
    dots = svg('g', {});
    const title = `plot-${plot.key}`;
    canvas.replaceChildren(svg('svg', { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: 'img', 'aria-labelledby': `${title} ${title}-about` },
      svg('title', { id: title }, plot.title),
      svg('desc', { id: `${title}-about` }, summary()),
      axes(plot, width, x, y, [low, high]),
      plot.bars ? stacked(plot, x, y) : lines.map(({ points }, at) => pieces(points, plot.gap).map((piece) => drawn(piece, x, y, { class: `line c${at}` }))),
      hair, dots));
    read();
  }

  function summary() {
    return `${moment(plot.since)} to ${moment(plot.until)}. ` + lines.map(({ name, points }) => {
      const some = points.map(([, value]) => value).filter((value) => value !== null);
      if (!some.length) return `${name}: nothing known.`;
      return `${name}: from ${plot.format(Math.min(...some))} to ${plot.format(Math.max(...some))}, last ${plot.format(some.at(-1))}.`;
    }).join(' ');
  }

  /** What the legend says: at the cursor, or the last there is. */
  function read() {
    if (!x) return;
    const inside = cursor !== null && cursor >= plot.since && cursor <= plot.until;
    const found = lines.map(({ points }) => inside ? near(points, cursor, plot.gap) : points.at(-1) ?? null);
    const at = inside ? cursor : Math.max(...found.filter(Boolean).map(([at]) => at));
    values.forEach((value, n) => { value.textContent = plot.format(found[n]?.[1] ?? null); });
    when.textContent = Number.isFinite(at) ? (plot.until - plot.since > DAY ? moment(at) : clock(at)) : '';
    hair.setAttribute('class', inside ? 'hair on' : 'hair');
    if (inside) for (const end of ['x1', 'x2']) hair.setAttribute(end, x(cursor));
    dots.replaceChildren(...(inside && !plot.bars ? found.map((one, n) => one && one[1] !== null
      && svg('circle', { class: `line c${n} dot`, cx: x(one[0]), cy: y(one[1]), r: 3.5 })).filter(Boolean) : []));
  }

  function step(by) {
    const moments = [...new Set(lines.flatMap(({ points }) => points.map(([at]) => at)))].sort((a, b) => a - b);
    if (!moments.length) return;
    const from = cursor ?? moments.at(-1) + 1;
    const next = by < 0 ? moments.filter((at) => at < from).at(by) ?? moments[0] : moments.filter((at) => at > from).at(by - 1) ?? moments.at(-1);
    point(next);
    live.textContent = `${moment(next)}: ${lines.map(({ name }, n) => `${name} ${values[n].textContent}`).join(', ')}`;
  }

  const KEYS = { ArrowLeft: () => step(-1), ArrowRight: () => step(1), PageUp: () => step(-10), PageDown: () => step(10), Escape: () => point(null) };
  canvas.addEventListener('keydown', (event) => {
    if (!KEYS[event.key] || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  canvas.addEventListener('pointermove', (event) => {
    if (!x) return;
    const box = canvas.getBoundingClientRect();
    const share = (event.clientX - box.left - PAD.left) / (box.width - PAD.left - PAD.right);
    point(plot.since + Math.max(0, Math.min(1, share)) * (plot.until - plot.since));
  });
  canvas.addEventListener('pointerleave', () => point(null));
  canvas.addEventListener('blur', () => point(null));

  const empty = lines.every(({ points }) => points.every(([, value]) => value === null));
  const watch = new ResizeObserver(([entry]) => {
    const width = Math.floor(entry.contentRect.width);
    if (width > PAD.left + PAD.right) draw(width);
  });
  if (!empty) {
    watch.observe(canvas);
    shown.push({ read, watch });
  }
  return h('figure', { class: 'plot', 'aria-label': plot.title },
    h('figcaption', {}, h('h3', {}, plot.title), when),
    empty ? h('p', { class: 'canvas nothing' }, plot.note ?? 'Nothing was told within this span.') : [canvas, legend, live, asTable(plot)]);
}

/** The same for whom a drawing says nothing; made when it is asked for. */
function asTable(plot) {
  const place = h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': `${plot.title}, as a table` });
  const make = (event) => {
    if (!event.target.open || place.firstChild) return;
    const rows = new Map();
    plot.lines.forEach(({ points }, n) => points.forEach(([at, value]) => {
      if (!rows.has(at)) rows.set(at, []);
      rows.get(at)[n] = value;
    }));
    const body = [...rows].sort(([a], [b]) => b - a).map(([at, all]) => h('tr', {}, h('th', { scope: 'row' }, moment(at)),
      plot.lines.map((_, n) => h('td', { class: 'number' }, plot.format(all[n] ?? null)))));
    place.append(h('table', {}, h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'time'),
      plot.lines.map(({ name }) => h('th', { scope: 'col', class: 'number' }, name)))), h('tbody', {}, body)));
  };
  return h('details', { class: 'data', 'data-key': `table ${plot.key}`, ontoggle: make }, h('summary', {}, 'As a table'), place);
}

/** A course without axes, beside its figures. */
export function spark(points, gap, since, until, format, name) {
  const width = 120, height = 26;
  const some = points.map(([, value]) => value).filter((value) => value !== null);
  const most = Math.max(1e-9, ...some);
  const x = (at) => 1 + (at - since) / (until - since) * (width - 2);
  const y = (value) => height - 2 - value / most * (height - 4);
  const text = some.length ? `${name}: at most ${format(most)}, last ${format(some.at(-1))}` : `${name}: nothing known`;
  return svg('svg', { class: 'spark', width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': text },
    svg('title', {}, text), pieces(points, gap).map((piece) => drawn(piece, x, y, { class: 'line c0' })));
}
