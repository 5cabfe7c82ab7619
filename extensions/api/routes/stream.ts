import { z } from 'zod';
import { route } from '../route.ts';
import { typeOf } from '../said.ts';
import { wireDetection } from './detections.ts';
import { iso } from './shared.ts';

export const streamRoutes = [
  route({
    method: 'GET',
    path: '/detections/stream',
    tag: 'detections',
    summary:
      'Detections as they are found, as server-sent events `detection` with {type, timestamp, data}. Who sends Last-Event-ID first gets those since. `dropped`: the client was too slow.',
    type: 'text/event-stream',
    query: z.object({
      detection_type: z.string().max(100).optional(),
      confidence_min: z.coerce.number().min(0).max(100).default(0),
      last_event_id: z.string().max(200).optional().describe('Instead of the header.'),
      seconds: z.coerce.number().int().min(0).max(3_600).optional().describe('Ends it then. 0: when what came since is told.'),
    }),
    reply: z.string(),
    async handle({ tenant, mine, query, feed, catalogue, header }) {
      const { detection_type: type, confidence_min: least, seconds } = query;
      return feed.open({
        tenant,
        mine,
        seconds,
        after: header('last-event-id') ?? query.last_event_id,
        accepts: (row) => (type === undefined || row.detector === type) && Math.round(row.confidence * 100) >= least,
        say: (row) => JSON.stringify({ type: typeOf(row), timestamp: iso(row.said_ms), data: wireDetection(row, catalogue) }),
      });
    },
  }),
];
