// The thread of an analysis, from the source.
import '../../extensions/database/testing/typescript.mjs';

await import('../analyse-worker.ts');
