/** What the library runs unless it is told otherwise: the shipped detectors and the table of embeddings. Both are read when first asked for. */
import { provideDetectors } from '../../src/sdk/registry.ts';
import { provideEmbedding } from '../../src/text/embedding.ts';
import { shippedDetectors } from '../detectors.ts';
import { embeddingTable } from '../shipped.ts';

provideDetectors(() => shippedDetectors);
provideEmbedding(embeddingTable);
