/** What a worker of `detect` runs: the same detectors as the main thread. */
import { serve } from '../processors/detect/worker.ts';
import { shippedDetectors } from './detectors.ts';
import { embeddingTable } from './shipped.ts';

serve(shippedDetectors, embeddingTable);
