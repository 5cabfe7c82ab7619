// A worker with the detector of `counts.ts`.
import './typescript.mjs';

const { serve } = await import('../worker.ts');
const { counts } = await import('./counts.ts');
serve([{ detector: counts }]);
