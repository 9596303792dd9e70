// What is wrong with a page whatever it shows: errors, other origins, what the policy refused, contrast, width, shifts.

import { OUT } from './bed.mjs';

const AA = 4.5, BIG = 3;

/** Runs before any script of the page. */
function inPage() {
  window.seen = { policy: [], shifts: [] };
  document.addEventListener('securitypolicyviolation', (event) => window.seen.policy.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
  new PerformanceObserver((list) => list.getEntries().forEach((entry) => {
    if (!entry.hadRecentInput) window.seen.shifts.push(entry.value);
  })).observe({ type: 'layout-shift', buffered: true });
}

/** Everything that is text, with its colour against what lies behind it; by class, the worst. */
function faint([least, big]) {
  const rgb = (text) => (text.match(/[\d.]+/g) ?? []).map(Number);
  const part = (value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const found = [];
  let looked = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || !element.checkVisibility({ visibilityProperty: true }) || ['TITLE', 'title', 'desc', 'NOSCRIPT'].includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    const colour = rgb(element instanceof SVGElement ? style.fill : style.color);
    const contrast = ratio(colour, ground(element));
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    looked += 1;
    if (contrast < (large ? big : least)) found.push(`${contrast.toFixed(2)} ${element.tagName}.${element.getAttribute('class') ?? ''} "${node.textContent.trim().slice(0, 40)}"`);
  }
  // Lines of plots are to be told from their ground, too.
  for (const line of document.querySelectorAll('.plot .line, .plot rect.level, .gauge .part')) {
    const style = getComputedStyle(line);
    const colour = rgb(style.stroke === 'none' ? style.fill : style.stroke);
    if (ratio(colour, ground(line.closest('div, td, section'))) < big) found.push(`a line ${line.getAttribute('class')}`);
  }
  return { looked, found: [...new Set(found)] };
}

/** Whose right edge nobody sees. */
function beyond() {
  const room = document.documentElement.clientWidth;
  const out = [...document.body.querySelectorAll('*')].filter((one) => one.getBoundingClientRect().right > room + 1 && one.checkVisibility());
  return out.slice(0, 5).map((one) => `${one.tagName}.${one.getAttribute('class') ?? ''} "${one.textContent.trim().slice(0, 30)}"`).join(', ');
}

export class Watch {
  constructor(page, origin) {
    Object.assign(this, { page, origin, faults: [], awaited: false, looked: 0, shots: 0 });
  }

  static async on(context, origin) {
    await context.addInitScript(inPage);
    const page = await context.newPage();
    const watch = new Watch(page, origin);
    // While the backend is away, or a password is wrong, the browser itself logs the answer.
    page.on('console', (message) => { if (!watch.awaited && ['error', 'warning'].includes(message.type())) watch.faults.push(`console: ${message.text()}`); });
    page.on('pageerror', (error) => watch.faults.push(`error: ${error.stack}`));
    page.on('dialog', (dialog) => { watch.faults.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
    page.on('request', (request) => { if (new URL(request.url()).origin !== origin) watch.faults.push(`another origin: ${request.url()}`); });
    return watch;
  }

  /** A picture, and all that can be told by looking. */
  async look(name) {
    const { page } = this;
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    const { looked, found } = await page.evaluate(faint, [AA, BIG]);
    this.looked += looked;
    this.faults.push(...found.map((one) => `${name}: contrast ${one}`));
    const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
    if (wide > room) this.faults.push(`${name}: ${wide} px wide, ${room} are there: ${await page.evaluate(beyond)}`);
    const seen = await page.evaluate(() => ({ policy: window.seen.policy.splice(0), shifts: window.seen.shifts.splice(0), images: document.querySelectorAll('img, iframe, object').length, styled: [...document.querySelectorAll('[style]')].filter((one) => one.getAttribute('style')).length }));
    this.faults.push(...seen.policy.map((one) => `${name}: refused ${one}`));
    const shift = seen.shifts.reduce((sum, value) => sum + value, 0);
    if (shift > 0.1) this.faults.push(`${name}: things moved by ${shift.toFixed(3)}`);
    await page.screenshot({ path: `${OUT}/${name}.png`, fullPage: true });
    await page.screenshot({ path: `${OUT}/${name}-seen.png` });
    this.shots += 1;
    if (seen.images || seen.styled) this.faults.push(`${name}: ${seen.images} images, ${seen.styled} elements with a style`);
  }
}
