/** User and password (RFC 7617): `htpasswd` checks clients of receivers, `client_auth` is what exporters show. */
import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { wrong } from '../../config/kind.ts';
import { secret } from '../../config/secret.ts';
import type { Authenticator, ClientAuth, Sender, ServerAuth } from '../../src/component/auth.ts';
import type { ExtensionFactory, Host } from '../../src/component/component.ts';
import { WatchedFiles } from '../../src/component/watched.ts';
import { parseHtpasswd, type Users, verify } from './htpasswd.ts';

const options = z
  .strictObject({
    htpasswd: z
      .strictObject({
        file: z.string().optional().describe('Read again within a second of a change.'),
        inline: secret().optional().describe('Lines as in the file; they win over it.'),
        tenants: z.record(z.string(), z.string().min(1)).default({}).describe('Tenant by user; without one: default.'),
      })
      .optional()
      .describe('Who is let in: user:password a line, the password as {SHA}, {SSHA} or plain text.'),
    client_auth: z
      .strictObject({
        username: z.string().optional(),
        password: secret().optional(),
        username_file: z.string().optional().describe('Wins over username. Read again within a second of a change.'),
        password_file: z.string().optional().describe('Wins over password. Read again within a second of a change.'),
      })
      .optional()
      .describe('What exporters show.'),
  })
  .superRefine(({ htpasswd, client_auth: client }, ctx) => {
    if (htpasswd !== undefined && client !== undefined) wrong(ctx, 'only one of htpasswd and client_auth. Remove one.', '');
    if (htpasswd === undefined && client === undefined) wrong(ctx, 'no credentials. Add htpasswd or client_auth.', '');
    if (htpasswd !== undefined) {
      if (htpasswd.file === undefined && htpasswd.inline === undefined)
        wrong(ctx, 'nobody is let in. Add file or inline.', '', ['htpasswd']);
      const { problem } = parseHtpasswd(htpasswd.inline?.reveal() ?? '');
      if (problem !== undefined) wrong(ctx, problem, '', ['htpasswd', 'inline']);
    }
    if (client === undefined) return;
    const user = client.username_file ?? client.username;
    if (user === undefined) wrong(ctx, 'no user. Add username or username_file.', '', ['client_auth']);
    if ((client.password_file ?? client.password) === undefined)
      wrong(ctx, 'no password. Add password or password_file.', '', ['client_auth']);
    if (client.username_file === undefined && client.username?.includes(':'))
      wrong(ctx, 'a user with a colon, which parts it from the password', 'Remove it.', ['client_auth', 'username']);
  });

type Options = z.output<typeof options>;

export const factory: ExtensionFactory<typeof options> = {
  kind: 'extension',
  type: 'basicauth',
  stability: 'beta',
  summary: 'Checks user and password for receivers, shows them for exporters.',
  options,
  create: (_id, value) => new BasicAuth(value),
};

class BasicAuth implements Authenticator, ServerAuth, ClientAuth {
  readonly header = 'authorization';
  readonly challenge = 'Basic realm="misstep", charset="UTF-8"';
  readonly server: ServerAuth | undefined;
  readonly client: ClientAuth | undefined;
  private readonly options: Options;
  private users: Users = new Map();
  private shown: Readonly<Record<string, string>> = {};
  private files: WatchedFiles | undefined;

  constructor(value: Options) {
    this.options = value;
    this.server = value.htpasswd === undefined ? undefined : this;
    this.client = value.client_auth === undefined ? undefined : this;
  }

  async start(host: Host): Promise<void> {
    this.read();
    const { htpasswd, client_auth: client } = this.options;
    const named = [htpasswd?.file, client?.username_file, client?.password_file].filter((file) => file !== undefined);
    if (named.length === 0) return;
    this.files = new WatchedFiles(named, () => {
      try {
        this.read();
        host.status({ state: 'ok' });
        host.logger.log('info', 'The credentials were read again.', { files: named });
      } catch (error) {
        host.status({ state: 'degraded', reason: `${(error as Error).message} The credentials read before stay in force.` });
        throw error;
      }
    });
  }

  async shutdown(): Promise<void> {
    this.files?.close();
    this.users = new Map();
    this.shown = {};
  }

  authenticate(headers: IncomingHttpHeaders): Sender | undefined {
    const [scheme, encoded = ''] = (headers.authorization ?? '').split(' ', 2);
    const text = scheme?.toLowerCase() === 'basic' ? Buffer.from(encoded, 'base64').toString('utf8') : '';
    const cut = text.indexOf(':');
    const user = cut < 0 ? '' : text.slice(0, cut);
    if (!verify(this.users, user, text.slice(cut + 1))) return undefined;
    const tenants = this.options.htpasswd?.tenants ?? {};
    return { tenant: (Object.hasOwn(tenants, user) ? tenants[user] : undefined) ?? 'default' };
  }

  headers(): Readonly<Record<string, string>> {
    return this.shown;
  }

  private read(): void {
    const { htpasswd, client_auth: client } = this.options;
    if (htpasswd !== undefined) {
      const file = htpasswd.file === undefined ? new Map() : usersIn(htpasswd.file);
      this.users = new Map([...file, ...parseHtpasswd(htpasswd.inline?.reveal() ?? '').users]);
    }
    if (client === undefined) return;
    const user = client.username_file === undefined ? client.username : textOf('username_file', client.username_file).trim();
    const password =
      client.password_file === undefined ? client.password?.reveal() : textOf('password_file', client.password_file);
    const pair = Buffer.from(`${user}:${password?.replace(/\r?\n$/, '')}`).toString('base64');
    this.shown = { authorization: `Basic ${pair}` };
  }
}

function usersIn(file: string): Users {
  const { users, problem } = parseHtpasswd(textOf('htpasswd.file', file));
  if (problem !== undefined) throw new Error(`${file}: ${problem}`);
  return users;
}

function textOf(key: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Error(`${key}: cannot read ${file}. Check the path and its permissions.`, { cause });
  }
}
