// Who is signed in, and how anything is asked.
//
// Both tokens are kept in memory alone: nothing of a session is left in the browser when the page is closed or loaded anew,
// and no other page of this origin can read them. The price is a sign-in after each reload; the page reloads nothing itself.

let session = null;
let renewal = null;

export class Ended extends Error {}
export class Refused extends Error {}
/** The backend, or its database, does not answer; later it may. */
export class Away extends Error {
  constructor(message, wait) {
    super(message);
    this.wait = wait;
  }
}

export const user = () => session?.user ?? null;

const TIMEOUT_MS = 20000;
/** Before an access token ends it is exchanged. */
const EARLY_MS = 30000;

async function ask(method, path, { token, body } = {}) {
  const headers = { Accept: 'application/json' };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers['Content-Type'] = 'application/json';
  let answer, told;
  try {
    answer = await fetch(`api/v1/${path}`, {
      method, headers, body: body && JSON.stringify(body), cache: 'no-store', credentials: 'omit', redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await answer.text();
    told = text ? JSON.parse(text) : null;
  } catch {
    throw new Away('The backend does not answer.');
  }
  if (answer.ok) return told;
  const why = told?.message ?? '';
  if (answer.status === 401) throw new Ended(why);
  const wait = Number(answer.headers.get('Retry-After')) || null;
  if (answer.status === 429) throw new Away('Too many requests within a minute.', wait);
  if (answer.status >= 500) throw new Away(`The backend answers, but ${why || 'it failed'}.`, wait);
  throw new Refused(why);
}

function keep(told) {
  session = { ...told, until: Date.parse(told.expires_at) };
}

export async function signIn(username, password) {
  keep(await ask('POST', 'auth/login', { body: { username, password } }));
}

/** One exchange at a time: the same token shown twice would end the session. */
function renew() {
  const mine = session;
  renewal ??= ask('POST', 'auth/refresh', { body: { refresh_token: mine.refresh_token } })
    .then((told) => {
      // Who has signed out meanwhile stays out.
      if (session !== mine) throw new Ended('');
      keep(told);
    })
    .finally(() => { renewal = null; });
  return renewal;
}

export async function get(path) {
  if (!session) throw new Ended('');
  try {
    if (session.until - Date.now() < EARLY_MS) await renew();
    try {
      return await ask('GET', path, { token: session.token });
    } catch (error) {
      if (!(error instanceof Ended)) throw error;
      await renew();
      return await ask('GET', path, { token: session.token });
    }
  } catch (error) {
    if (error instanceof Ended) session = null;
    throw error;
  }
}

/** Here it is over at once, whatever the backend says. */
export async function signOut() {
  const token = session?.token;
  session = null;
  if (token) await ask('POST', 'auth/logout', { token }).catch(() => {});
}
