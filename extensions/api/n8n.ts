/**
 * n8n's public API, as much of it as a patch needs: `GET` and `PUT /api/v1/workflows/{id}`, and the list by name. The address is a tenant's, so
 * it is asked as a payload's would be: public addresses only, unless the configuration allows a host; keys in clear only to such a host.
 */
import { z } from 'zod';
import { Blocked, requestGuarded } from '../../src/component/transport/guard.ts';
import { type Node, readWorkflow, type Workflow, WorkflowError } from '../../src/healing/n8n/workflow.ts';

/** `refused`: it answered, and said no. `changed`: what it has is not what was sent. */
export class N8nError extends Error {
  readonly kind: 'not-allowed' | 'unreachable' | 'refused' | 'not-found' | 'malformed';

  constructor(kind: N8nError['kind'], message: string) {
    super(message);
    this.name = 'N8nError';
    this.kind = kind;
  }
}

export interface N8nTarget {
  readonly url: string;
  readonly key: string;
}

/** A workflow with what n8n says of its versions. */
export interface Kept {
  readonly workflow: Workflow;
  readonly active: boolean;
  /** The saved version is not the published one: somebody's edits wait. */
  readonly unpublished: boolean;
}

const TIMEOUT_MS = 15_000;
/** The largest workflow of 1,310 has 157,579 characters of parameters. */
const MOST_BYTES = 8 * 1024 * 1024;
const SAID_CHARACTERS = 300;

/** Of the settings that patches set: what n8n takes for none. For the time-out that is its own default, which is -1 unless its operator set another. */
const unset = { errorWorkflow: 'DEFAULT', executionTimeout: -1 };

const facts = z.object({
  active: z.boolean().default(false),
  versionId: z.string().nullish(),
  activeVersionId: z.string().nullish(),
});
const list = z.object({ data: z.array(z.object({ id: z.string(), name: z.string() })) });
const said = z.object({ message: z.string() });

/** Throws `N8nError` with what to do if the address cannot be asked. */
export function checkUrl(text: string, allow: readonly string[]): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:') || url.username !== '' || url.search !== '')
    throw new N8nError('not-allowed', 'The url is none like https://n8n.example.com, without user, password and query.');
  if (url.protocol === 'http:' && !allow.includes(url.hostname) && !allow.includes(url.host))
    throw new N8nError(
      'not-allowed',
      `A key is sent in clear only to a host that the configuration names: n8n_hosts of the api, '${url.host}'.`,
    );
  return url;
}

export class N8n {
  private readonly base: URL;
  private readonly key: string;
  private readonly allow: readonly string[];

  constructor({ url, key }: N8nTarget, allow: readonly string[]) {
    this.base = checkUrl(url, allow);
    this.key = key;
    this.allow = allow;
  }

  async workflow(id: string): Promise<Kept> {
    return kept(await this.ask('GET', `workflows/${encodeURIComponent(id)}`));
  }

  /** Replaces `there`, and publishes it where it was published. Resolves to what n8n has then. */
  async put(id: string, { name, nodes, connections, settings }: Workflow, there: Workflow): Promise<Kept> {
    // n8n adds the settings it is sent to those it has; these words take one away.
    const gone = Object.entries(unset).filter(([setting]) => setting in there.settings && !(setting in settings));
    const body = {
      name,
      nodes: withIds(nodes, there.nodes),
      connections,
      settings: { ...settings, ...Object.fromEntries(gone) },
    };
    await this.ask('PUT', `workflows/${encodeURIComponent(id)}`, body);
    return this.workflow(id);
  }

  /** Ids of the workflows of that very name. */
  async named(name: string): Promise<readonly string[]> {
    const { data, error } = list.safeParse(await this.ask('GET', `workflows?limit=100&name=${encodeURIComponent(name)}`));
    if (error !== undefined) throw new N8nError('malformed', 'n8n answered something that is no list of workflows.');
    return data.data.filter((one) => one.name === name).map(({ id }) => id);
  }

  private async ask(method: 'GET' | 'PUT', path: string, body?: unknown): Promise<unknown> {
    const url = `${this.base.href.replace(/\/$/, '')}/api/v1/${path}`;
    const answer = await requestGuarded(url, {
      method,
      headers: {
        'x-n8n-api-key': this.key,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
      allow: this.allow,
      maxRedirects: 0,
      timeoutMs: TIMEOUT_MS,
      maxBytes: MOST_BYTES,
    }).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      if (error instanceof Blocked)
        throw new N8nError('not-allowed', `n8n was not asked: ${message} A host is allowed by n8n_hosts of the api.`);
      throw new N8nError('unreachable', `n8n at ${this.base.host} does not answer: ${message}`);
    });
    const json = parsed(answer.body);
    if (answer.status >= 200 && answer.status < 300) {
      if (json === undefined) throw new N8nError('malformed', `n8n at ${this.base.host} answered no JSON. Is it n8n?`);
      return json;
    }
    const words = oneLine(said.safeParse(json).data?.message ?? '');
    if (answer.status === 404) throw new N8nError('not-found', `n8n has no ${path.split('?')[0]}.`);
    throw new N8nError('refused', `n8n answered ${answer.status}${words === '' ? '' : `: ${words}`}.`);
  }
}

/** Ids that n8n has made up for nodes since stay: an address of a webhook may hang on them. */
function withIds(nodes: readonly Node[], there: readonly Node[]): Node[] {
  const known = new Map(there.map(({ name, id, webhookId }) => [name, { id, webhookId }]));
  return nodes.map((node) => {
    const { id, webhookId } = known.get(node.name) ?? {};
    return {
      ...node,
      ...(node['id'] === undefined && id !== undefined ? { id } : {}),
      ...(node['webhookId'] === undefined && webhookId !== undefined ? { webhookId } : {}),
    };
  });
}

function kept(value: unknown): Kept {
  try {
    const { active, versionId, activeVersionId } = facts.parse(value);
    const published = activeVersionId ?? null;
    return {
      workflow: readWorkflow(value),
      active,
      unpublished: active && published !== null && versionId !== null && versionId !== published,
    };
  } catch (error) {
    throw new N8nError(
      'malformed',
      error instanceof WorkflowError ? error.message : 'n8n answered something that is no workflow.',
    );
  }
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    return undefined;
  }
}

function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').slice(0, SAID_CHARACTERS);
}
