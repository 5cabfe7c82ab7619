/**
 * The thread in which the database is spoken to: walking, normalising and SQL cost nothing where spans are forwarded. It works off one
 * thing after the other, in the order in which they were asked.
 */
import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { provideEmbedding } from '../../src/text/embedding.ts';
import { openDatabase } from './open.ts';
import type { Answer, Ask, Setup } from './protocol.ts';
import { TenantReader } from './read.ts';
import { retain } from './retention.ts';
import { rowsOf } from './rows.ts';
import { openVectors } from './vectors.ts';
import { write } from './write.ts';

if (parentPort !== null) serve(parentPort, workerData as Setup);

function serve(port: NonNullable<typeof parentPort>, setup: Setup): void {
  const { embedding } = setup;
  if (embedding !== undefined) provideEmbedding(() => readFileSync(new URL(embedding)));
  const opened = openDatabase(setup).then(async (driver) => ({ driver, vectors: await openVectors(driver) }));
  // Each waits for the one before it, whether that went well or not.
  let last: Promise<unknown> = opened;
  port.on('message', (ask: Ask) => {
    last = last
      .catch(() => undefined)
      .then(() => act(ask))
      .then(
        (value) => port.postMessage({ id: ask.id, value } satisfies Answer),
        (error: unknown) => {
          const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) };
          port.postMessage({ id: ask.id, error: message, name } satisfies Answer);
        },
      );
  });

  async function act(ask: Ask): Promise<unknown> {
    const { driver, vectors } = await opened;
    switch (ask.kind) {
      case 'ingest': {
        const rows = rowsOf(ask.body, ask.tenant, setup.content);
        await write(driver, ask.tenant, rows, Date.now(), vectors);
        return { steps: rows.steps.length, detections: rows.detections.length };
      }
      case 'ask': {
        const reader = new TenantReader(driver, ask.tenant, Date.now, vectors);
        // biome-ignore lint/suspicious/noExplicitAny: its arguments were checked where they were given.
        return (reader[ask.method] as any)(...ask.args);
      }
      case 'retain':
        return retain(driver, { maxAgeMs: setup.maxAgeMs, maxBytes: setup.maxBytes, nowMs: Date.now() });
      case 'size':
        return driver.size();
      case 'close':
        await driver.close();
        port.close();
        return undefined;
    }
  }
}
