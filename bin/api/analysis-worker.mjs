// The worker that is shipped, from the source.
import '../../extensions/database/testing/typescript.mjs';

await import('../analysis-worker.ts');
