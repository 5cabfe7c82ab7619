/** What goes between the main thread and the database's. */
import type { DatabaseOptions } from './open.ts';

export interface Setup extends DatabaseOptions {
  readonly content: boolean;
  readonly maxAgeMs: number;
  readonly maxBytes: number;
  /** The table of embeddings; absent: detections are not found by what they are about. */
  readonly embedding?: string | undefined;
}

export type Ask =
  | { readonly id: number; readonly kind: 'ingest'; readonly tenant: string; readonly body: Uint8Array }
  | {
      readonly id: number;
      readonly kind: 'ask';
      readonly tenant: string;
      readonly method: Method;
      readonly args: readonly unknown[];
    }
  | { readonly id: number; readonly kind: 'retain' }
  | { readonly id: number; readonly kind: 'size' }
  | { readonly id: number; readonly kind: 'close' };

export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string; readonly name: string };

/** What may be asked of a tenant: the methods of `TenantRecords`. */
export const METHODS = [
  ...([
    'traces',
    'trace',
    'steps',
    'detections',
    'detection',
    'detectionsSince',
    'similar',
    'judge',
    'agents',
    'detectionDays',
    'means',
    'affected',
    'incidents',
    'quiet',
    'costDays',
    'deleteTrace',
  ] as const),
  ...(['document', 'documents', 'put', 'remove'] as const),
];
export type Method = (typeof METHODS)[number];

/** Those that change rows. */
export const WRITES: ReadonlySet<Method> = new Set(['judge', 'deleteTrace', 'put', 'remove']);
