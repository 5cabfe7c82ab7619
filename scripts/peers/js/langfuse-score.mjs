// Creates and deletes one score with @langfuse/core, from the folder where it is installed: the score as JSON, the base URL, the keys.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [score, baseUrl, username, password] = process.argv.slice(2);
const { LangfuseAPIClient } = createRequire(join(process.cwd(), 'x.js'))('@langfuse/core');
const client = new LangfuseAPIClient({ environment: baseUrl, baseUrl, username, password });
const request = JSON.parse(score);
await client.scores.create(request);
await client.legacy.scoreV1.delete(request.id);
