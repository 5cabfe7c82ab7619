/** OTLP/JSON logs as spans, for a replay of files. Only what one document holds is joined. */
import { documentToProtobuf, protobufToDocument } from '../../src/otlp/json.ts';
import { writeTraces } from '../../src/otlp/write.ts';
import { agentEvents, spansOfContent } from './events.ts';

/** `payload` is an ExportLogsServiceRequest in OTLP/JSON. Throws `WireError` with the path of the member that is wrong. */
export function logs(payload: unknown): readonly unknown[] {
  const { groups, contents } = agentEvents(documentToProtobuf('logs', payload).body, true);
  const all = [...groups, ...spansOfContent(contents)];
  return all.length === 0 ? [] : [protobufToDocument('traces', writeTraces(all))];
}
