/**
 * The thread in which the database is spoken to: walking, normalising and SQL cost nothing where spans are forwarded. It works off one
 * thing after the other, in the order in which they were asked; but spans go before questions, so that many questions never make their queue
 * grow. There is one request of spans at a time (`num_consumers` of `store`), so questions are not starved: one follows each.
 */
import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { provideEmbedding } from '../../src/text/embedding.ts';
import { openDatabase } from './open.ts';
import { type Answer, type Ask, type Setup, WRITES } from './protocol.ts';
import { TenantReader, Totals } from './read.ts';
import { retain } from './retention.ts';
import { rowsOf } from './rows.ts';
import { openVectors } from './vectors.ts';
import { write } from './write.ts';

if (parentPort !== null) serve(parentPort, workerData as Setup);

function serve(port: NonNullable<typeof parentPort>, setup: Setup): void {
  const { embedding } = setup;
  if (embedding !== undefined) provideEmbedding(() => readFileSync(new URL(embedding)));
  const opened = openDatabase(setup).then(async (driver) => ({ driver, vectors: await openVectors(driver) }));
  // Each question is told; nobody may have asked yet.
  opened.catch(() => undefined);
  const totals = new Totals();
  const spans: Ask[] = [];
  const questions: Ask[] = [];
  let working = false;
  port.on('message', (ask: Ask) => {
    (ask.kind === 'ingest' ? spans : questions).push(ask);
    if (!working) void work();
  });

  async function work(): Promise<void> {
    working = true;
    let last: Ask['kind'] = 'ask';
    for (;;) {
      // After spans one question, if one waits.
      const ask: Ask | undefined =
        last === 'ingest' ? (questions.shift() ?? spans.shift()) : (spans.shift() ?? questions.shift());
      if (ask === undefined) break;
      last = ask.kind;
      port.postMessage(await answer(ask));
      // What came meanwhile is seen before the next is chosen.
      await new Promise((resolve) => setImmediate(resolve));
    }
    working = false;
  }

  async function answer(ask: Ask): Promise<Answer> {
    try {
      return { id: ask.id, value: await act(ask) };
    } catch (error) {
      const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) };
      return { id: ask.id, error: message, name };
    }
  }

  async function act(ask: Ask): Promise<unknown> {
    const { driver, vectors } = await opened;
    switch (ask.kind) {
      case 'ingest': {
        const rows = rowsOf(ask.body, ask.tenant, setup.content);
        await write(driver, ask.tenant, rows, Date.now(), vectors);
        totals.clear();
        return { steps: rows.steps.length, detections: rows.detections.length };
      }
      case 'ask': {
        const reader = new TenantReader(driver, ask.tenant, Date.now, vectors, totals);
        if (WRITES.has(ask.method)) totals.clear();
        // biome-ignore lint/suspicious/noExplicitAny: its arguments were checked where they were given.
        return (reader[ask.method] as any)(...ask.args);
      }
      case 'retain':
        totals.clear();
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
