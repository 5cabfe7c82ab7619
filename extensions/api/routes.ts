/** Every route, in the order in which the documents show them. */
import type { Route } from './route.ts';
import { analyticsRoutes } from './routes/analytics.ts';
import { authRoutes } from './routes/auth.ts';
import { detectionRoutes } from './routes/detections.ts';
import { feedbackRoutes } from './routes/feedback.ts';
import { fixRoutes } from './routes/fixes.ts';
import { groupRoutes } from './routes/groups.ts';
import { healingRoutes } from './routes/healing.ts';
import { n8nRoutes } from './routes/n8n.ts';
import { statusRoutes } from './routes/status.ts';
import { traceRoutes } from './routes/traces.ts';

export const routes: readonly Route[] = [
  ...authRoutes,
  ...traceRoutes,
  ...detectionRoutes,
  ...fixRoutes,
  ...healingRoutes,
  ...n8nRoutes,
  ...analyticsRoutes,
  ...feedbackRoutes,
  ...groupRoutes,
  ...statusRoutes,
];
