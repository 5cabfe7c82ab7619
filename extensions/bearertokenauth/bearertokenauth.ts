/**
 * Bearer tokens, for receivers (any of the tokens is taken) and exporters (the first is shown). Of tokens that are only
 * checked nothing but the SHA-256 is kept, and a file or configuration may hold that instead: `sha256:<64 hex digits>`.
 */
import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { withKind, wrong } from '../../config/kind.ts';
import { Secret, secret } from '../../config/secret.ts';
import { type Authenticator, type ClientAuth, digest, equal, type Sender, type ServerAuth } from '../../src/component/auth.ts';
import type { ExtensionFactory, Host } from '../../src/component/component.ts';
import { WatchedFiles } from '../../src/component/watched.ts';

/** A request is compared with each: 1,000 take about 0.1 ms. */
const MAX_TOKENS = 1_000;
/** Visible ASCII, as in a header; no spaces, for one parts a token from its tenant. */
const TOKEN = /^[\x21-\x7e]+$/;
const HASHED = /^sha256:([0-9a-f]{64})$/i;
const NOT_A_TOKEN = 'not a token. Use visible ASCII characters without spaces.';

const entry = withKind(
  z.union([secret(), z.strictObject({ token: secret(), tenant: z.string().min(1) })], { error: 'not a token' }),
  'secret',
);

const options = z
  .strictObject({
    header: z
      .string()
      .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, 'not a header name.')
      .default('Authorization')
      .describe('Header that carries the token.'),
    scheme: z
      .string()
      .regex(/^[\x21-\x7e]*$/, 'not a scheme.')
      .default('Bearer')
      .describe('Stands before the token; may be empty.'),
    token: secret().optional(),
    tokens: z
      .array(entry)
      .max(MAX_TOKENS)
      .optional()
      .describe(
        'Each a text or {token, tenant}. Receivers take any of them, exporters send the first. sha256:<hex> can only be checked.',
      ),
    filename: z
      .string()
      .optional()
      .describe('One token a line, its tenant behind it if it has one. Read again within a second of a change.'),
  })
  .superRefine((value, ctx) => {
    const sources = [value.token, value.tokens, value.filename].filter((source) => source !== undefined);
    if (sources.length === 0) wrong(ctx, 'no token. Add token, tokens or filename.', '');
    if (sources.length > 1) wrong(ctx, 'more than one of token, tokens and filename. Keep one.', '');
    for (const [i, { token }] of written(value).entries()) {
      if (TOKEN.test(token.reveal())) continue;
      wrong(ctx, NOT_A_TOKEN, '', value.tokens === undefined ? ['token'] : ['tokens', i]);
    }
  });

type Options = z.output<typeof options>;

interface Token {
  readonly token: Secret;
  readonly tenant: string;
}

export const factory: ExtensionFactory<typeof options> = {
  kind: 'extension',
  type: 'bearertokenauth',
  stability: 'beta',
  summary: 'Checks bearer tokens for receivers, shows one for exporters.',
  options,
  create: (_id, value) => new BearerTokens(value),
};

class BearerTokens implements Authenticator, ServerAuth, ClientAuth {
  readonly header: string;
  readonly challenge: string;
  readonly server: ServerAuth = this;
  private readonly options: Options;
  private readonly prefix: string;
  private digests: readonly { readonly digest: Buffer; readonly tenant: string }[] = [];
  /** Kept in the clear once an exporter asks for it. */
  private shown: Readonly<Record<string, string>> | undefined;
  private files: WatchedFiles | undefined;

  constructor(value: Options) {
    this.options = value;
    this.header = value.header.toLowerCase();
    this.challenge = `${value.scheme === '' ? 'Bearer' : value.scheme} realm="misstep"`;
    this.prefix = value.scheme === '' ? '' : `${value.scheme} `;
  }

  async start(host: Host): Promise<void> {
    this.take(this.read());
    const { filename } = this.options;
    if (filename === undefined) return;
    this.files = new WatchedFiles([filename], () => {
      try {
        this.take(this.read());
        host.status({ state: 'ok' });
        host.logger.log('info', 'The tokens were read again.', { filename, tokens: this.digests.length });
      } catch (error) {
        host.status({ state: 'degraded', reason: `${(error as Error).message} The tokens read before stay in force.` });
        throw error;
      }
    });
  }

  async shutdown(): Promise<void> {
    this.files?.close();
    this.digests = [];
    this.shown = undefined;
  }

  authenticate(headers: IncomingHttpHeaders): Sender | undefined {
    const given = headers[this.header];
    const text = typeof given === 'string' ? given : '';
    // The scheme is no secret, and RFC 9110 reads it without case.
    const schemed = text.slice(0, this.prefix.length).toLowerCase() === this.prefix.toLowerCase();
    return this.ofKey(schemed ? text.slice(this.prefix.length).trim() : '');
  }

  ofKey(key: string): Sender | undefined {
    const mine = digest(key);
    let sender: Sender | undefined;
    for (const { digest: known, tenant } of this.digests) if (equal(mine, known)) sender ??= { tenant };
    return sender;
  }

  get client(): ClientAuth | undefined {
    if (this.shown === undefined) this.show(this.read());
    return this.shown === undefined ? undefined : this;
  }

  headers(): Readonly<Record<string, string>> {
    return this.shown ?? {};
  }

  private read(): readonly Token[] {
    const { filename } = this.options;
    return filename === undefined ? written(this.options) : inFile(filename);
  }

  private take(tokens: readonly Token[]): void {
    this.digests = tokens.map(({ token, tenant }) => ({ digest: digestOf(token.reveal()), tenant }));
    if (this.shown !== undefined) this.show(tokens);
  }

  private show([first]: readonly Token[]): void {
    const text = first?.token.reveal();
    this.shown = text === undefined || HASHED.test(text) ? undefined : { [this.header]: `${this.prefix}${text}` };
  }
}

function written({ token, tokens = [] }: Pick<Options, 'token' | 'tokens'>): readonly Token[] {
  const all = token === undefined ? tokens : [token];
  return all.map((each) => (each instanceof Secret ? { token: each, tenant: 'default' } : each));
}

/** Throws without showing what is in the file. An empty file is no error: nobody is let in. */
function inFile(filename: string): readonly Token[] {
  let text: string;
  try {
    text = readFileSync(filename, 'utf8');
  } catch (cause) {
    throw new Error(`filename: cannot read ${filename}. Check the path and its permissions.`, { cause });
  }
  const lines = text.split('\n').map((line) => line.trim());
  const tokens = lines.flatMap((line, i) => {
    if (line === '') return [];
    const [token = '', tenant = 'default', ...rest] = line.split(/\s+/);
    if (!TOKEN.test(token) || rest.length > 0) throw new Error(`${filename}:${i + 1}: ${NOT_A_TOKEN}`);
    return [{ token: new Secret(token), tenant }];
  });
  if (tokens.length > MAX_TOKENS) throw new Error(`${filename}: ${tokens.length} tokens. Keep ${MAX_TOKENS} or fewer.`);
  return tokens;
}

function digestOf(token: string): Buffer {
  const hashed = HASHED.exec(token)?.[1];
  return hashed === undefined ? digest(token) : Buffer.from(hashed, 'hex');
}
