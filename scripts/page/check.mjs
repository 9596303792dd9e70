// The walk: empty, one real collector, a fleet of 200; wrong password, backend away, phone, dark, keys alone. Ends with 1 and what
// was wrong, or with 0.

import { createRequire } from 'node:module';
import assert from 'node:assert/strict';
import { Backend, Collector, OUT, PASSWORD, fails, holding, load, pause, sql, until } from './bed.mjs';
import { history, simulate } from './fleet.mjs';
import { Watch } from './watch.mjs';

const { chromium } = createRequire(`${process.cwd()}/${OUT}/`)('playwright-core');
const FLEET = 200;
const DESK = { viewport: { width: 1280, height: 900 } };
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
const backend = await Backend.make();
backend.user('anna', 'viewer');
const watches = [];

async function open(options) {
  const context = await browser.newContext({ timezoneId: 'UTC', ...options });
  const watch = await Watch.on(context, backend.url);
  watches.push(watch);
  await watch.page.goto(`${backend.url}/`);
  return watch;
}

async function signIn({ page }, password = PASSWORD) {
  await page.getByLabel('Name').fill('anna');
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

const shows = (page, text) => page.getByText(text).first().waitFor({ timeout: 20000 });
const told = (name) => console.log(`page: ${name}`);

async function empty(desk) {
  await shows(desk.page, 'Sign in');
  await desk.look('sign-in');
  desk.awaited = true;
  await signIn(desk, 'a wrong one');
  await shows(desk.page, 'The name or the password is not right.');
  await pause(200);
  desk.awaited = false;
  await desk.look('wrong-password');
  await signIn(desk);
  await shows(desk.page, 'No collector has registered yet');
  assert.match(await desk.page.locator('pre').first().textContent(), new RegExp(backend.url), 'it names its own address');
  await desk.look('empty-fleet');
  told('signs in, refuses a wrong password, says how to begin');
}

/** Real load, a lock that somebody holds, errors in the log; and the batch of a quiet moment, for the fleet. */
async function real() {
  sql('postgres', 'create extension pg_stat_statements', 'create database shop', 'create role pganalytics login', 'grant pg_monitor to pganalytics',
    'grant execute on function pg_read_binary_file(text, bigint, bigint, boolean) to pganalytics');
  const busy = load('shop', 600);
  const quiet = new Collector('template');
  quiet.cycle();
  const collector = new Collector('real', backend.url);
  const registered = collector.run('register');
  assert.equal(registered.status, 0, registered.stderr);
  collector.cycle();
  const holder = holding('shop', 'begin; update pgbench_tellers set tbalance = 1;\n');
  const waits = holding('shop', "select pg_sleep(1); update pgbench_tellers set tbalance = 2;\n");
  fails('shop', 'select * from nowhere;\n'.repeat(40));
  await until('somebody waits for ten seconds', () => sql('shop', "select count(*) from pg_locks where waitstart < now() - interval '11 s'") !== '0');
  for (let n = 0; n < 3; n += 1) { collector.cycle(); await pause(1000); }
  return { template: quiet.batch(), end: () => [holder, waits, busy].forEach((one) => one.end()) };
}

async function one(desk) {
  const { page } = desk;
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await page.clock.fastForward(61000);
  await shows(page, 'real / main');
  await shows(page, 'for a lock');
  await desk.look('one-collector');
  await page.locator('.findings').getByText('for a lock').first().click();
  await shows(page, 'Longest transactions now');
  const holder = sql('shop', "select pid from pg_stat_activity where application_name = 'checkout' and state = 'idle in transaction'");
  await page.locator('#locks').getByText(`pid ${holder}`).first().waitFor();
  assert.ok(await page.locator('#locks').evaluate((section) => section === document.activeElement), 'a finding leads to its section');
  for (const text of ['UPDATE pgbench_', 'relation "nowhere" does not exist', 'walreceiver', 'streaming']) await shows(page, text);
  await figures(page);
  await desk.look('one-server');
  await page.getByRole('link', { name: 'near', exact: true }).click();
  await shows(page, 'standby');
  await desk.look('one-standby');
  told('shows a real lock, real errors, a real standby, and figures that are the API\'s');
}

/** What stands there is what the API answers. */
async function figures(page) {
  const { token } = await backend.post('auth/login', { username: 'anna', password: PASSWORD });
  const [, , id] = (await page.evaluate(() => location.hash)).split('?')[0].split('/');
  const view = await backend.get(`servers/${id}?server=main`, token);
  for (const [at, { mount }] of view.filesystems.slice(0, 3).entries()) assert.match(await page.locator('#disks tbody tr').nth(at).textContent(), new RegExp(mount.replaceAll('/', '\\/')));
  const text = view.statements[0].text.replace(/\s+/g, ' ').slice(0, 60);
  assert.ok((await page.locator('#statements tbody tr').first().textContent()).includes(text), 'the first statement is the one that took most time');
  assert.equal(await page.locator('#wraparound tbody tr').count(), view.wraparound.length);
}

async function many(desk, template) {
  const { page } = desk;
  await simulate(backend, template, FLEET);
  const shop = await history(backend, template, 'shop-primary');
  await page.goto(`${backend.url}/#/`);
  await page.clock.fastForward(61000);
  await page.locator('.servers').getByText('shop-primary / main').waitFor();
  const rows = page.locator('.servers tbody tr');
  assert.ok(await rows.count() >= FLEET + 2, `${await rows.count()} rows`);
  assert.equal(await rows.first().getAttribute('class'), 'critical', 'the worst first');
  await desk.look('fleet-200');
  await page.getByRole('button', { name: /silent/ }).click();
  assert.equal(await rows.locator('visible=true').count(), 3);
  await page.getByRole('button', { name: /silent/ }).click();
  await page.getByLabel('Filter').fill('billing-ber');
  const shown = await rows.locator('visible=true').count();
  assert.ok(shown > 2 && shown < 20, `${shown} rows by name`);
  await desk.look('fleet-filtered');
  await page.clock.fastForward(61000);
  await page.waitForTimeout(1500);
  assert.equal(await rows.locator('visible=true').count(), shown, 'a refresh keeps what is filtered');
  await page.getByLabel('Filter').fill('');
  told(`${FLEET} collectors: sorted, filtered, kept over a refresh`);
  return shop;
}

async function course(desk, shop) {
  const { page } = desk;
  await page.getByRole('link', { name: /^shop-primary \/ main/ }).first().click();
  await shows(page, 'Statements that took most time');
  const pieces = await page.locator('figure[aria-label="Transactions"] path.line.c0').count();
  assert.equal(pieces, 2, 'a gap is a gap');
  await page.locator('#statements summary').first().click();
  await desk.look('server-1h');
  for (const span of ['6 h', '24 h', '7 d']) {
    await page.getByRole('link', { name: span, exact: true }).click();
    await page.locator(`nav a[aria-current="true"]:text-is("${span}")`).waitFor();
    await page.waitForTimeout(300);
    await desk.look(`server-${span.replace(' ', '')}`);
  }
  await page.getByRole('link', { name: '‹ earlier' }).click();
  await page.getByRole('link', { name: 'now', exact: true }).waitFor();
  await page.getByRole('link', { name: 'now', exact: true }).click();
  await page.getByRole('link', { name: 'now', exact: true }).waitFor({ state: 'detached' });
  await page.getByRole('link', { name: '1 h', exact: true }).click();
  await page.locator('nav a[aria-current="true"]:text-is("1 h")').waitFor();
  await page.locator('figure[aria-label="Sessions"] details.data summary').click();
  await page.locator('figure[aria-label="Sessions"] table tbody tr').nth(30).waitFor();
  await page.locator('figure[aria-label="Sessions"] .canvas').hover({ position: { x: 300, y: 60 } });
  await desk.look('server-read');
  told('a week, a day, six hours and one; a gap; a table in place of a drawing');
  return shop;
}

async function away(desk) {
  const { page } = desk;
  const before = await page.locator('figure[aria-label="Sessions"] .legend').textContent();
  desk.awaited = true;
  await backend.kill();
  await page.clock.fastForward(61000);
  await shows(page, 'The backend does not answer.');
  await page.clock.fastForward(130000);
  await shows(page, /figures below are [34] min/);
  assert.equal(await page.locator('figure[aria-label="Sessions"] .legend').count(), 1, `the figures stay: ${before}`);
  await desk.look('backend-away');
  await backend.start();
  await page.clock.fastForward(11000);
  await until('the banner is gone', () => page.locator('#banner').textContent().then((text) => text === ''));
  desk.awaited = false;
  await desk.look('backend-back');
  told('the backend away: said with the age of the figures, over by itself');
}

async function expiry(desk) {
  const { page } = desk;
  const before = sql('store', 'select encode(refresh, $$hex$$) from sessions order by created_at desc limit 1');
  await page.clock.fastForward(14.6 * 60000);
  await until('the token is exchanged', () => sql('store', 'select count(*) from sessions where previous is not null') !== '0' || before === '');
  const left = await page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie]);
  assert.deepEqual(left, [0, 0, ''], 'nothing is kept in the browser');
  told('tokens are exchanged before they end, and kept nowhere');
}

/** Where the focus is, and whether that is seen. */
const focus = (page) => page.evaluate(() => {
  const element = document.activeElement;
  const style = getComputedStyle(element);
  return { name: element.textContent.trim().slice(0, 30) || element.id, tag: element.tagName, seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 };
});

async function keys() {
  const watch = await open(DESK);
  const { page } = watch;
  await shows(page, 'Sign in');
  await page.keyboard.type('anna');
  await page.keyboard.press('Tab');
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press('Enter');
  await shows(page, 'Needs attention');
  const passed = [];
  const walk = async (key, steps) => {
    for (let n = 0; n < steps; n += 1) {
      await page.keyboard.press(key);
      const at = await focus(page);
      if (at.tag === 'BODY') continue;
      assert.ok(at.seen, `${at.tag} ${at.name}: focus is not seen`);
      passed.push(at);
    }
  };
  await walk('Shift+Tab', 3);
  await walk('Tab', 24);
  for (const wanted of ['Skip to the content', 'pgAnalytics', 'Sign out', 'silent', 'find', 'shop-primary']) assert.ok(passed.some(({ name }) => name.includes(wanted)), `${wanted} is not reached: ${JSON.stringify(passed)}`);
  await page.locator('.findings a').getByText('shop-primary').first().locator('..').focus();
  await page.keyboard.press('Enter');
  await page.locator('figure[aria-label="Sessions"] .canvas svg').waitFor();
  await page.locator('figure[aria-label="Sessions"] .canvas').focus();
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowLeft');
  assert.match(await page.locator('figure[aria-label="Sessions"] [aria-live]').textContent(), /active \d/, 'arrow keys read a plot');
  await watch.look('keys');
  await page.context().close();
  told(`keys alone reach and read all of it (${passed.length} stops looked at)`);
}

async function elsewhere(options, name, shop) {
  const watch = await open(options);
  await watch.look(`${name}-sign-in`);
  await signIn(watch);
  await shows(watch.page, 'Needs attention');
  await watch.look(`${name}-fleet`);
  await watch.page.goto(`${backend.url}/#/server/${shop.id}/main`);
  await shows(watch.page, 'Statements that took most time');
  await watch.look(`${name}-server`);
  await watch.page.context().close();
  told(name);
}

/** What finds nothing wrong has to find what is wrong. */
async function notices() {
  const context = await browser.newContext(DESK);
  const watch = await Watch.on(context, backend.url);
  await watch.page.goto(`${backend.url}/`);
  await watch.page.evaluate(() => {
    const pale = document.createElement('p');
    pale.textContent = 'hardly to be read';
    pale.style.color = '#d0d0d0';
    pale.style.width = '3000px';
    document.body.append(pale, Object.assign(document.createElement('img'), { src: 'http://127.0.0.1:9/x.png' }));
    console.error('planted');
  });
  await watch.look('notices');
  for (const wanted of ['contrast', 'px wide', 'refused', 'images', 'console: planted']) assert.ok(watch.faults.some((fault) => fault.includes(wanted)), `${wanted} is not noticed: ${watch.faults}`);
  await context.close();
  told('what is planted as wrong is noticed');
}

async function leave(desk) {
  const { page } = desk;
  const asked = page.waitForRequest(/auth\/logout/);
  await page.getByRole('button', { name: 'Sign out' }).click();
  const request = await asked;
  await shows(page, 'You are signed out.');
  await request.response();
  const after = await fetch(`${backend.url}/api/v1/fleet`, { headers: { Authorization: (await request.allHeaders()).authorization } });
  assert.equal(after.status, 401, 'the token is worth nothing any more');
  told('signs out, and the session is over');
}

let status = 0;
const planted = { end() {} };
try {
  const desk = await open(DESK);
  await desk.page.clock.install();
  await desk.page.reload();
  await empty(desk);
  Object.assign(planted, await real());
  await one(desk);
  const shop = await many(desk, planted.template);
  await course(desk, shop);
  await away(desk);
  await expiry(desk);
  await keys();
  await elsewhere({ ...DESK, colorScheme: 'dark' }, 'dark', shop);
  await elsewhere(PHONE, 'phone', shop);
  await elsewhere({ ...PHONE, colorScheme: 'dark' }, 'phone-dark', shop);
  await notices();
  await leave(desk);
} catch (error) {
  console.error(error);
  await watches.at(-1)?.page.screenshot({ path: `${OUT}/failed.png`, fullPage: true }).catch(() => {});
  status = 1;
} finally {
  planted.end();
  await browser.close();
  await backend.kill();
}
const faults = [...new Set(watches.flatMap((watch) => watch.faults))];
faults.forEach((fault) => console.error(`WRONG: ${fault}`));
const sum = (name) => watches.reduce((all, watch) => all + watch[name], 0);
console.log(`page: ${sum('shots')} pictures in ${OUT}, ${sum('looked')} texts measured, ${faults.length} faults`);
process.exit(status || (faults.length ? 1 : 0));
