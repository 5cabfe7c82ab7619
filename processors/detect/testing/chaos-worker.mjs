// A worker with the detectors of `chaos.ts`.
import './typescript.mjs';

const { serve } = await import('../worker.ts');
const { chaos } = await import('./chaos.ts');
serve(chaos);
