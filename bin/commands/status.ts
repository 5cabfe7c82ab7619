/** What a running misstep says about itself, asked over HTTP: `top`, `tail` and `doctor` share it. */
import { type Command, InvalidArgumentError } from 'commander';
import type { DetectFacts } from '../../processors/detect/account.ts';
import type { Status } from '../../src/component/component.ts';
import type { ExporterAccount, ReceiverAccount } from '../../src/service/ledger.ts';

/** The endpoint that the shipped configurations give to health_check. */
const DEFAULT_URL = 'http://localhost:13133';
const TIMEOUT_MS = 5_000;

export interface ExporterFacts extends Omit<ExporterAccount, 'inFlight'> {
  readonly in_flight: number;
  readonly queue?: { readonly size: number; readonly capacity: number };
}

/** `GET /status`, schema 1. Facts that no component provides are absent. */
export interface StatusPage {
  readonly schema: 1;
  readonly ready: boolean;
  readonly reasons: readonly string[];
  readonly up_since: string;
  readonly uptime: string;
  readonly version: string;
  readonly components: Readonly<Record<string, Status>>;
  readonly pipelines: Readonly<Record<string, unknown>>;
  readonly receivers: readonly ReceiverAccount[];
  readonly exporters: readonly ExporterFacts[];
  readonly queues: { readonly bytes: number; readonly limit_bytes: number; readonly admitted_bytes: number };
  readonly process: { readonly rss_bytes: number; readonly heap_bytes: number; readonly cpu_seconds: number };
  readonly detect?: Readonly<Record<string, DetectFacts>>;
  readonly storage?: Readonly<
    Record<string, { readonly bytes: number; readonly live_bytes: number; readonly limit_bytes: number }>
  >;
}

export function urlOption(command: Command): Command {
  return command.option('--url <url>', 'where health_check of the running misstep listens', checkedUrl, DEFAULT_URL);
}

function checkedUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new InvalidArgumentError(`Not a URL of http or https. Write for example ${DEFAULT_URL}.`);
  }
  return url.href.replace(/\/$/, '');
}

/** Throws an error that says what to do when nobody answers, or somebody else does. */
export async function readStatus(url: string): Promise<StatusPage> {
  const response = await ask(`${url}/status`, AbortSignal.timeout(TIMEOUT_MS));
  const page = (await response.json().catch(() => undefined)) as Partial<StatusPage> | undefined;
  if (!response.ok || page?.schema !== 1) throw new Error(notMisstep(url, response.status));
  return page as StatusPage;
}

export async function ask(url: string, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, { signal, redirect: 'error' });
  } catch (error) {
    throw new Error(`${url} does not answer: ${reasonOf(error)}.\n${START}`, { cause: error });
  }
}

const START =
  "Start 'misstep run' with the health_check extension (the built-in configuration has it), or give its address with --url.";

export function notMisstep(url: string, status: number): string {
  return `${url} answers with ${status}, but not as the health_check extension of this version of misstep does. Give its address with --url (the metrics page has another port).`;
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `nothing came within ${TIMEOUT_MS / 1000} s`;
  const cause = error instanceof Error ? (error.cause as NodeJS.ErrnoException | undefined) : undefined;
  if (cause?.code === 'ECONNREFUSED') return 'nobody listens there';
  if (cause?.code === 'ENOTFOUND') return 'the name is unknown';
  return cause?.code ?? cause?.message ?? (error instanceof Error ? error.message : String(error));
}
