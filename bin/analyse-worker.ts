/** One analysis in a thread: what comes in is a payload of somebody, what goes out its analysis or what is wrong with it. */
import { parentPort, workerData } from 'node:worker_threads';
import { analysePayload } from './analyse.ts';
import type { AnalysisAnswer, AnalysisQuestion } from './analysis.ts';

const { payload, format } = workerData as AnalysisQuestion;
const answer: AnalysisAnswer = await analysePayload(payload, format).then(
  (value) => ({ value }),
  (error: unknown) => ({ error: error instanceof Error ? error.message : String(error) }),
);
parentPort?.postMessage(answer);
