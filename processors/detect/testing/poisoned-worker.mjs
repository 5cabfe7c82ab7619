// A worker that ends where a request names a tool `poison`, whatever the detectors do.
import { parentPort } from 'node:worker_threads';
import './typescript.mjs';

parentPort.on('message', ({ body }) => {
  if (body !== undefined && Buffer.from(body).includes('poison')) process.exit(3);
});
const { serve } = await import('../worker.ts');
const { counts } = await import('./counts.ts');
serve([{ detector: counts }]);
