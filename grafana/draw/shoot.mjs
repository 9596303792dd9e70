// Opens the page that was built, waits until every panel is drawn, and takes its picture. What the browser complains of, and a
// panel that drew nothing though it has figures, fail it.
import { chromium } from 'playwright-core';
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

const [there, picture] = process.argv.slice(2);
const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json' };
const server = createServer(async (request, response) => {
  const name = path.join(there, 'dist', request.url === '/' ? 'index.html' : request.url);
  try {
    const body = await readFile(name);
    response.writeHead(200, { 'Content-Type': types[path.extname(name)] ?? 'application/octet-stream' }).end(body);
  } catch {
    response.writeHead(404).end();
  }
}).listen(0, '127.0.0.1');
await new Promise((ready) => server.once('listening', ready));

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
const page = await browser.newPage({ viewport: { width: 1600, height: 1200 } });
const broken = [];
page.on('pageerror', (error) => broken.push(error.message));
await page.goto(`http://127.0.0.1:${server.address().port}/`);
await page.waitForSelector('.drawn', { timeout: 60_000 });
await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
await page.screenshot({ path: picture, fullPage: true });
const drawn = await page.$$eval('.drawn', (panels) => panels.map((panel) => [panel.dataset.title, panel.innerText.trim().length
  + panel.querySelectorAll('canvas, svg').length]));
await browser.close();
server.close();
const blank = drawn.filter(([, content]) => content === 0).map(([title]) => title);
console.log(`${drawn.length} panels drawn: ${picture}`);
if (broken.length + blank.length > 0) {
  console.error(`broken: ${broken.join('; ')} ${blank.join('; ')}`);
  process.exit(1);
}
