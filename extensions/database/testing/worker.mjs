// The worker that is shipped, from the source.
import './typescript.mjs';

await import('../worker.ts');
