// A worker with the detectors of `sayers.ts`.
import './typescript.mjs';

const { serve } = await import('../worker.ts');
const { noTable, sayers } = await import('./sayers.ts');
serve(sayers, noTable);
