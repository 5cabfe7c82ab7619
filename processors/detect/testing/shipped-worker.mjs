// The worker that is shipped, from the source.
import './typescript.mjs';

await import('../../../bin/detect-worker.ts');
