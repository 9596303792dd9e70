// From figures to what is drawn of them: ends and marks of axes, pieces of lines, the point that is meant. Draws nothing.

import { clock, day } from './format.js';

const MINUTE = 60, HOUR = 3600, DAY = 86400;
const STEPS = [MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR,
  12 * HOUR, DAY, 2 * DAY, 7 * DAY];

/** Round figures from the least to the most, a few of them. */
export function ticks(low, high, about, base) {
  const rough = (high - low) / about;
  const power = base === 1024 ? 1024 ** Math.floor(Math.log(Math.max(rough, 1)) / Math.log(1024)) : 1;
  const size = rough / power;
  const ten = 10 ** Math.floor(Math.log10(size));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * ten).find((n) => n >= size) * power;
  const all = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-9; at += step) all.push(at);
  return all;
}

export function times(since, until, about) {
  const step = STEPS.find((one) => (until - since) / one <= about) ?? 14 * DAY;
  const offset = new Date(since * 1000).getTimezoneOffset() * 60;
  const all = [];
  for (let at = Math.ceil((since - offset) / step) * step + offset; at <= until; at += step) all.push(at);
  return all.map((at) => ({ at, text: step >= DAY ? day(at) : clock(at) }));
}

/** Pieces without a gap; a point that is alone is one, too. */
export function pieces(points, gap) {
  const all = [];
  let last = null;
  for (const one of points) {
    if (one[1] === null) { last = null; continue; }
    if (last === null || one[0] - last > gap) all.push([]);
    all.at(-1).push(one);
    last = one[0];
  }
  return all;
}

/** The point that was told last at that moment, if it is not too old. */
export function near(points, at, gap) {
  let found = null;
  for (const one of points) {
    if (found && Math.abs(one[0] - at) > Math.abs(found[0] - at)) break;
    found = one;
  }
  return found && Math.abs(found[0] - at) <= gap ? found : null;
}

export function range(plot) {
  const values = plot.bars ? sums(plot.lines) : plot.lines.flatMap((line) => line.points.map(([, value]) => value));
  const some = values.filter((value) => value !== null);
  const low = plot.floor === undefined ? 0 : Math.min(plot.floor, ...some.map((value) => Math.floor(value / 10) * 10));
  const high = plot.top ?? Math.max(plot.least ?? 1, ...some.map((value) => value * 1.08));
  return [low, high];
}

function sums(lines) {
  const all = new Map();
  for (const { points } of lines) for (const [at, value] of points) all.set(at, (all.get(at) ?? 0) + (value ?? 0));
  return [...all.values()];
}
