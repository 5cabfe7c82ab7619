/** Every route, in the order in which the documents show them. */
import type { Route } from './route.ts';
import { analysisRoutes } from './routes/analyses.ts';
import { analyticsRoutes } from './routes/analytics.ts';
import { authRoutes } from './routes/auth.ts';
import { benchmarkRoutes } from './routes/benchmarks.ts';
import { conversationRoutes } from './routes/conversations.ts';
import { detectionRoutes } from './routes/detections.ts';
import { feedbackRoutes } from './routes/feedback.ts';
import { fixRoutes } from './routes/fixes.ts';
import { groupRoutes } from './routes/groups.ts';
import { healingRoutes } from './routes/healing.ts';
import { metricRoutes } from './routes/metrics.ts';
import { n8nRoutes } from './routes/n8n.ts';
import { registrationRoutes } from './routes/registrations.ts';
import { reviewRoutes } from './routes/review.ts';
import { settingsRoutes } from './routes/settings.ts';
import { shapeRoutes } from './routes/shape.ts';
import { statusRoutes } from './routes/status.ts';
import { streamRoutes } from './routes/stream.ts';
import { suppressionRoutes } from './routes/suppressions.ts';
import { traceRoutes } from './routes/traces.ts';
import { webhookRoutes } from './routes/webhooks.ts';

export const routes: readonly Route[] = [
  ...authRoutes,
  ...traceRoutes,
  ...analysisRoutes,
  ...shapeRoutes,
  ...conversationRoutes,
  ...streamRoutes,
  ...detectionRoutes,
  ...fixRoutes,
  ...healingRoutes,
  ...n8nRoutes,
  ...analyticsRoutes,
  ...feedbackRoutes,
  ...reviewRoutes,
  ...suppressionRoutes,
  ...settingsRoutes,
  ...benchmarkRoutes,
  ...groupRoutes,
  ...webhookRoutes,
  ...registrationRoutes,
  ...metricRoutes,
  ...statusRoutes,
];
