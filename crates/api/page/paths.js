// Views as addresses: everything that is looked at can be linked. They are kept behind the `#`, so that the backend has one page.

/** Where on a server's page a kind of finding is drawn. */
const SECTIONS = {
  silent: 'collector', failing: 'collector', spool: 'collector', lock: 'locks', transaction: 'open', disk: 'disks',
  connections: 'load', replication: 'replication', wraparound: 'wraparound', log: 'log', cache: 'work',
};
export const sectionOf = (kind) => SECTIONS[kind] ?? 'collector';

export function serverPath(collector, server, { minutes, until, at } = {}) {
  const query = new URLSearchParams();
  if (minutes && minutes !== 60) query.set('minutes', minutes);
  if (until) query.set('until', until);
  if (at) query.set('at', at);
  const text = query.toString();
  return `#/server/${[collector, server].filter(Boolean).map(encodeURIComponent).join('/')}${text ? `?${text}` : ''}`;
}

export function read(hash) {
  const [path, query] = hash.replace(/^#\/?/, '').split('?');
  const [view, collector, server] = path.split('/').map(decoded);
  const asked = new URLSearchParams(query ?? '');
  if (view !== 'server' || !collector) return { view: 'fleet' };
  const minutes = Number(asked.get('minutes')) || 60;
  return { view, collector, server: server || null, minutes, until: asked.get('until'), at: asked.get('at') };
}

/** A place is one without the section that is looked at. */
export const same = (a, b) => ['view', 'collector', 'server', 'minutes', 'until'].every((key) => a[key] === b[key]);

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
