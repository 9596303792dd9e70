// The page's life: who is signed in, which view, when it is asked for again, and what is said while the backend is away.

import { h, lay } from './dom.js';
import { clock, seconds } from './format.js';
import { fleet } from './fleet.js';
import { forget } from './plot.js';
import { read, same } from './paths.js';
import { server } from './server.js';
import { Away, Ended, Refused, get, signIn, signOut, user } from './session.js';

const EACH_MS = 60000;
const AGAIN_MS = 10000;

const bar = document.getElementById('bar');
const banner = document.getElementById('banner');
const content = document.getElementById('content');

let route = read(location.hash);
/** When the figures that are shown came, in this browser's time; none before the first. */
let asOf = null;
let timer = null;
let asking = false;
let trouble = null;
let signedIn = false;
const old = h('span', {});

function path() {
  if (route.view === 'fleet') return 'fleet';
  const query = new URLSearchParams({ minutes: route.minutes });
  if (route.server) query.set('server', route.server);
  if (route.until) query.set('until', route.until);
  return `servers/${encodeURIComponent(route.collector)}?${query}`;
}

async function load() {
  clearTimeout(timer);
  if (!user()) return signInView('');
  if (asking) return;
  asking = true;
  const asked = route;
  let wait = EACH_MS;
  try {
    const told = await get(path());
    if (!user()) return;
    // Who has gone elsewhere meanwhile does not want it any more.
    if (same(asked, route)) show(told);
    else wait = 0;
    complain(null);
  } catch (error) {
    wait = failed(error);
  } finally {
    asking = false;
  }
  if (wait !== null) timer = setTimeout(() => document.hidden ? null : load(), wait);
}

/** In how many milliseconds to try again. */
function failed(error) {
  if (error instanceof Ended) {
    // Who signed out while it was asked has been told.
    if (signedIn) signInView('Your session has ended. Sign in again to go on.');
    return null;
  }
  if (error instanceof Away) {
    complain(error.message);
    return Math.max(AGAIN_MS, (error.wait ?? 0) * 1000);
  }
  if (!(error instanceof Refused)) {
    // A defect of this page: said, and told to the console.
    complain('The page cannot draw the answer.');
    setTimeout(() => { throw error; });
    return EACH_MS;
  }
  complain(null);
  forget();
  lay(content, h('h1', {}, 'There is nothing here'), h('p', {}, error.message), h('p', {}, h('a', { href: '#/' }, 'To the fleet')));
  return null;
}

function show(told) {
  asOf = Date.now();
  forget();
  lay(content, ...(route.view === 'fleet' ? fleet(told) : server(told, route)));
  document.title = `${route.view === 'fleet' ? 'Fleet' : [told.collector.name, told.server].filter(Boolean).join(' / ')} · pgAnalytics`;
  top();
  look();
}

/** To the section that was linked, once. */
function look() {
  const place = route.at && document.getElementById(route.at);
  route.at = null;
  if (!place) return;
  place.scrollIntoView({ block: 'start' });
  place.focus({ preventScroll: true });
}

function top() {
  const told = user();
  lay(bar,
    h('button', { type: 'button', class: 'skip', 'data-key': 'skip', onclick: () => content.focus() }, 'Skip to the content'),
    h('a', { class: 'brand', href: '#/', 'data-key': 'brand' }, 'pgAnalytics'),
    h('span', { class: 'grow' }),
    told && asOf ? h('span', { class: 'quiet', id: 'as-of' }, `as of ${clock(asOf / 1000, true)}`) : null,
    told ? h('span', { class: 'quiet who' }, told.username) : null,
    told ? h('button', { type: 'button', 'data-key': 'out', onclick: leave }, 'Sign out') : null);
}

function complain(message) {
  // It is said aloud once; how old the figures are is there to be read.
  if (message !== trouble) banner.replaceChildren(...(message ? [h('span', { role: 'alert' }, message), ' ', old] : []));
  trouble = message;
  content.classList.toggle('stale', Boolean(message && asOf));
  age();
}

function age() {
  const told = asOf ? `The figures below are ${seconds(Math.round((Date.now() - asOf) / 1000))} old.` : 'There are no figures yet.';
  old.textContent = `${told} Trying again by itself.`;
}

async function leave() {
  clearTimeout(timer);
  const over = signOut();
  signInView('You are signed out.');
  await over;
}

function signInView(message) {
  clearTimeout(timer);
  signedIn = false;
  asOf = null;
  complain(null);
  forget();
  const field = (name, type, autocomplete) => h('input', { id: name, name, type, autocomplete, required: true, autocapitalize: 'none', spellcheck: 'false', 'data-key': name });
  const name = field('username', 'text', 'username');
  const password = field('password', 'password', 'current-password');
  const told = h('p', { class: 'told', role: 'status' }, message);
  const button = h('button', { type: 'submit', class: 'primary' }, 'Sign in');
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    told.textContent = '';
    try {
      await signIn(name.value, password.value);
      signedIn = true;
      lay(content, h('p', { class: 'quiet' }, 'Loading.'));
      top();
      await load();
      content.focus({ preventScroll: true });
    } catch (error) {
      told.className = 'told wrong';
      told.textContent = error instanceof Ended ? 'The name or the password is not right.' : error.message;
      password.select();
    } finally {
      button.disabled = false;
    }
  };
  document.title = 'Sign in · pgAnalytics';
  top();
  lay(content, h('form', { class: 'card sign-in', onsubmit: submit },
    h('h1', {}, 'Sign in'), told,
    h('label', { for: 'username' }, 'Name'), name, h('label', { for: 'password' }, 'Password'), password, button));
  name.focus();
}

window.addEventListener('hashchange', () => {
  const before = route;
  route = read(location.hash);
  if (!user()) return;
  if (same(before, route)) return look();
  window.scrollTo(0, 0);
  load();
});

document.addEventListener('visibilitychange', () => {
  if (!document.hidden && user() && (!asOf || trouble || Date.now() - asOf > EACH_MS)) load();
});

setInterval(age, 5000);
load();
