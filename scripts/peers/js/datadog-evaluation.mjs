// Submits one evaluation with dd-trace, from the folder where it is installed: arguments are its options as JSON.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const { span, options } = JSON.parse(process.argv[2]);
const tracer = createRequire(join(process.cwd(), 'x.js'))('dd-trace').init({ startupLogs: false });
tracer.llmobs.submitEvaluation(span, options);
tracer.llmobs.flush();
