// Elements, made without markup: what comes from a database stays text, whatever it looks like.

const SVG = 'http://www.w3.org/2000/svg';

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const h = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);
export const svg = (name, attributes, ...children) => fill(document.createElementNS(SVG, name), attributes, children);

/** Lays a new tree into a place, with what somebody was about to do there: focus, and what is folded open. */
export function lay(root, ...tree) {
  const active = root.contains(document.activeElement) ? document.activeElement : null;
  const key = active?.dataset.key;
  const open = new Set([...root.querySelectorAll('details[open]')].map((one) => one.dataset.key));
  root.replaceChildren(...tree.filter(Boolean));
  for (const one of root.querySelectorAll('details')) if (open.has(one.dataset.key)) one.open = true;
  if (!key) return;
  const found = root.querySelector(`[data-key="${CSS.escape(key)}"]`);
  found?.focus({ preventScroll: true });
  if (found?.setSelectionRange) found.setSelectionRange(active.selectionStart, active.selectionEnd);
}

/** A table that a narrow screen shows as cards: each cell knows its heading. */
export function table(caption, headings, rows) {
  const cell = (content, at) => {
    const { label, number } = headings[at];
    return h('td', { 'data-label': label, class: number ? 'number' : null }, content);
  };
  return h('table', { class: 'cards' },
    h('caption', { class: 'unseen' }, caption),
    h('thead', {}, h('tr', {}, headings.map(({ label, number }) =>
      h('th', { scope: 'col', class: number ? 'number' : null }, label)))),
    h('tbody', {}, rows.map(({ cells, ...attributes }) => h('tr', attributes, cells.map(cell)))));
}

/** A word with a shape before it: nobody has to tell colours apart. */
const SHAPES = { critical: '◆', warning: '▲', ok: '●', late: '▲', silent: '◆', failing: '◆', new: '○' };
export const mark = (word, text) => h('span', { class: `mark ${word}` },
  h('span', { 'aria-hidden': 'true' }, SHAPES[word] ?? '●'), ' ', text ?? word);

/** How much of something, from 0 to 100; the figure stands beside it. */
export const gauge = (percent, level) => svg('svg',
  { class: `gauge ${level}`, viewBox: '0 0 100 8', preserveAspectRatio: 'none', 'aria-hidden': 'true', focusable: 'false' },
  svg('rect', { class: 'all', width: 100, height: 8 }),
  svg('rect', { class: 'part', width: Math.max(0, Math.min(100, percent)), height: 8 }));
