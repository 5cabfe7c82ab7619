// A worker with the detector of `counter.ts`.
import './typescript.mjs';

const { serve } = await import('../worker.ts');
const { counter } = await import('./counter.ts');
serve([{ detector: counter }]);
