/** Every route, in the order in which the documents show them. */
import type { Route } from './route.ts';
import { analyticsRoutes } from './routes/analytics.ts';
import { authRoutes } from './routes/auth.ts';
import { benchmarkRoutes } from './routes/benchmarks.ts';
import { detectionRoutes } from './routes/detections.ts';
import { feedbackRoutes } from './routes/feedback.ts';
import { groupRoutes } from './routes/groups.ts';
import { reviewRoutes } from './routes/review.ts';
import { settingsRoutes } from './routes/settings.ts';
import { statusRoutes } from './routes/status.ts';
import { suppressionRoutes } from './routes/suppressions.ts';
import { traceRoutes } from './routes/traces.ts';

export const routes: readonly Route[] = [
  ...authRoutes,
  ...traceRoutes,
  ...detectionRoutes,
  ...analyticsRoutes,
  ...feedbackRoutes,
  ...reviewRoutes,
  ...suppressionRoutes,
  ...settingsRoutes,
  ...benchmarkRoutes,
  ...groupRoutes,
  ...statusRoutes,
];
