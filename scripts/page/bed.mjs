// What the page stands on: the backend's program, the collector's, and PostgreSQL, as they are run.

import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';

export const HOME = process.env.PAGE_HOME;
export const OUT = process.env.PAGE_OUT;
const TREE = process.env.PAGE_TREE;
export const SECRET = randomBytes(24).toString('base64');
export const PASSWORD = 'correct horse battery';
const KEY = randomBytes(48).toString('base64');

const pg = { ...process.env, LD_LIBRARY_PATH: `${TREE}/lib` };
const session = (database) => ['-qAtX', '-v', 'ON_ERROR_STOP=1', '-h', `${HOME}/primary`, '-U', 'postgres', '-d', database];

export function ran(program, args, options) {
  const done = spawnSync(program, args, { encoding: 'utf8', ...options });
  if (done.error) throw done.error;
  return done;
}

export function sql(database, ...statements) {
  const done = ran(`${TREE}/bin/psql`, [...session(database), ...statements.flatMap((one) => ['-c', one])], { env: pg });
  if (done.status !== 0) throw new Error(`${statements}: ${done.stderr}`);
  return done.stdout.trim();
}

/** Statements that fail, as an application's would. */
export const fails = (database, text) => ran(`${TREE}/bin/psql`, ['-qX', '-h', `${HOME}/primary`, '-U', 'postgres', '-d', database], { env: pg, input: text });

/** A session that stays open until it is closed. */
export function holding(database, text) {
  const child = spawn(`${TREE}/bin/psql`, session(database), { env: { ...pg, PGAPPNAME: 'checkout' }, stdio: ['pipe', 'ignore', 'ignore'] });
  child.stdin.write(text);
  return { end: () => { child.stdin.destroy(); child.kill(); } };
}

export function load(database, seconds) {
  ran(`${TREE}/bin/pgbench`, ['-h', `${HOME}/primary`, '-U', 'postgres', '-q', '-i', '-s', '2', database], { env: pg });
  const child = spawn(`${TREE}/bin/pgbench`, ['-h', `${HOME}/primary`, '-U', 'postgres', '-n', '-c', '2', '-R', '150', '-T', String(seconds), database], { env: pg, stdio: 'ignore' });
  return { end: () => child.kill() };
}

const free = () => new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function until(what, check) {
  for (let n = 0; n < 300; n += 1) {
    const found = await check();
    if (found) return found;
    await pause(100);
  }
  throw new Error(`half a minute is not enough: ${what}`);
}

/** The backend on a database of its own; it may be killed, and started again where it was. */
export class Backend {
  static async make() {
    const backend = new Backend();
    backend.port = await free();
    backend.url = `http://127.0.0.1:${backend.port}`;
    backend.env = {
      PATH: process.env.PATH, DATABASE_URL: `postgresql://postgres@${encodeURIComponent(`${HOME}/primary`)}/store`,
      JWT_SECRET_KEY: KEY, REGISTRATION_SECRET: SECRET, LISTEN: `127.0.0.1:${backend.port}`,
      // Whoever simulates a fleet registers often; people are limited as always.
      RATE_LIMITS: 'anonymous=60000,push=60000,registration=60000',
    };
    sql('postgres', 'create database store');
    await backend.start();
    return backend;
  }

  async start() {
    this.process = spawn('target/debug/pganalytics-api', ['serve'], { env: this.env, stdio: 'ignore' });
    await until('the backend answers', () => fetch(`${this.url}/api/v1/health`).then((answer) => answer.ok, () => false));
  }

  async kill() {
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGKILL');
    await ended;
  }

  user(name, role) {
    const done = ran('target/debug/pganalytics-api', ['admin', 'create-user', name, '--role', role], { env: this.env, input: `${PASSWORD}\n` });
    if (done.status !== 0) throw new Error(done.stderr);
  }

  async post(path, body, headers) {
    const answer = await fetch(`${this.url}/api/v1/${path}`, { method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json', ...headers } });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  async get(path, token) {
    return (await fetch(`${this.url}/api/v1/${path}`, { headers: { Authorization: `Bearer ${token}` } })).json();
  }
}

/** A real collector: of the primary and its standby. */
export class Collector {
  constructor(name, url) {
    this.dir = `${HOME}/${name}`;
    mkdirSync(this.dir);
    const server = (name, place) => `[[servers]]\nname = "${name}"\nhost = "${HOME}/${place}"\nuser = "pganalytics"\ndatabases = "*"\nexclude_databases = ["store"]\n`;
    writeFileSync(`${this.dir}/collector.toml`, `[collector]\nname = "${name}"\nstate_dir = "${this.dir}/state"\nserver_budget_ms = 60000\n`
      + `[backend]\nurl = "${url ?? `file://${this.dir}/out`}"\n[logging]\nfile_path = "${this.dir}/log"\n${server('main', 'primary')}${server('near', 'standby')}`);
  }

  run(...args) {
    return ran('target/debug/pganalytics', ['--config', `${this.dir}/collector.toml`, ...args], { env: { PATH: process.env.PATH, REGISTRATION_SECRET: SECRET } });
  }

  cycle() {
    const done = this.run('cron', '--force');
    if (![0, 1].includes(done.status)) throw new Error(`${done.status}: ${done.stderr}${readFileSync(`${this.dir}/log`, 'utf8')}`);
    return done.status;
  }

  /** The newest batch, where the target is a directory. */
  batch() {
    const out = `${this.dir}/out`;
    if (!existsSync(out)) throw new Error('it wrote no batch');
    const file = readdirSync(out).sort().at(-1);
    return JSON.parse(readFileSync(`${out}/${file}`, 'utf8').trim().split('\n').at(-1));
  }
}
