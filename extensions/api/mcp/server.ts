/**
 * The MCP server of one caller: tools, resources and prompts over what the API answers. Both transports make one by request or connection;
 * which version of the protocol is spoken is the SDK's affair.
 */
import { McpServer, ResourceNotFoundError, ResourceTemplate, type ServerContext } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { Problem } from '../problem.ts';
import type { Ask } from './ask.ts';
import type { Analyse, Tool, Used } from './tool.ts';
import { fenced, fitted, NOTICE, quoted, word } from './untrusted.ts';

export interface ServerParts {
  readonly version: string;
  readonly tools: readonly Tool[];
  readonly ask: Ask;
  readonly analyse: Analyse;
  /** Hears of what went wrong here and is no problem of the caller's. */
  readonly failed: (error: unknown) => void;
}

/** Elements and members of the arguments of a call: a trace of some 20,000 spans. */
const MOST_ELEMENTS = 1_000_000;

const INSTRUCTIONS = `misstep finds the step at which a run of an AI agent went wrong. Begin with list_detections, then explain_detection. ${NOTICE}`;

export function createServer(parts: ServerParts): McpServer {
  const server = new McpServer(
    { name: 'misstep', version: parts.version },
    {
      instructions: INSTRUCTIONS,
      maxToolInputElements: MOST_ELEMENTS,
      // They are the same as long as the process runs.
      capabilities: { tools: { listChanged: false }, resources: { listChanged: false }, prompts: { listChanged: false } },
    },
  );
  for (const tool of parts.tools) addTool(server, tool, parts);
  addResources(server, parts);
  addPrompts(server);
  return server;
}

function addTool(server: McpServer, tool: Tool, parts: ServerParts): void {
  const { name, title, description, input, output, writes = false } = tool;
  const annotations = writes
    ? { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false }
    : { readOnlyHint: true, openWorldHint: false };
  server.registerTool(
    name,
    { title, description, inputSchema: input as z.ZodObject, outputSchema: output as z.ZodObject, annotations },
    async (args: unknown, context: ServerContext) => {
      try {
        const { head, structured } = await told(tool, args, usedOf(parts, context));
        return { content: [{ type: 'text' as const, text: fenced(head, structured) }], structuredContent: structured };
      } catch (error) {
        return { content: [{ type: 'text' as const, text: reasonOf(error, parts) }], isError: true };
      }
    },
  );
}

async function told(tool: Tool, args: unknown, used: Used): Promise<{ head: string; structured: Record<string, unknown> }> {
  const { head, build } = await tool.run(args, used);
  return { head, structured: fitted(build) as Record<string, unknown> };
}

function usedOf({ ask, analyse }: ServerParts, context: ServerContext): Used {
  return { ask, analyse, signal: context.mcpReq.signal };
}

/** What the caller may read of it. */
function reasonOf(error: unknown, { failed }: ServerParts): string {
  if (error instanceof Problem && error.status !== 500) {
    const wrong = error.errors.map(({ pointer, detail }) => ` ${pointer}: ${detail}.`).join('');
    return quoted(`${error.message}${wrong}`, 1_000);
  }
  failed(error);
  return 'Something failed here. Whoever runs misstep finds it in its log.';
}

function addResources(server: McpServer, parts: ServerParts): void {
  const reading =
    (name: string, argsOf: (id: string) => unknown) =>
    async (
      uri: URL,
      id: string,
      context: ServerContext,
    ): Promise<{ contents: { uri: string; mimeType: string; text: string }[] }> => {
      const tool = parts.tools.find((one) => one.name === name) as Tool;
      try {
        const args = tool.input.parse(argsOf(id));
        const { head, structured } = await told(tool, args, usedOf(parts, context));
        return { contents: [{ uri: uri.href, mimeType: 'text/plain', text: fenced(head, structured) }] };
      } catch (error) {
        if (error instanceof z.ZodError || (error instanceof Problem && error.status === 404))
          throw new ResourceNotFoundError(uri.href);
        throw new Error(reasonOf(error, parts), { cause: error });
      }
    };
  const templates = [
    ['detection', 'misstep://detections/{id}', 'A detection with its evidence.', reading('explain_detection', (id) => ({ id }))],
    ['trace', 'misstep://traces/{id}', 'A run with its first steps.', reading('get_trace', (trace_id) => ({ trace_id }))],
  ] as const;
  for (const [name, uri, description, read] of templates) {
    const template = new ResourceTemplate(uri, { list: undefined });
    server.registerResource(name, template, { description, mimeType: 'text/plain' }, (at, variables, context) =>
      read(at, String(variables['id']), context),
    );
  }
  const read = reading('detector_status', () => ({}));
  const about = { description: 'The detectors and what was measured of them.', mimeType: 'text/plain' };
  server.registerResource('detectors', 'misstep://detectors', about, (at, context) => read(at, '', context));
}

function addPrompts(server: McpServer): void {
  const argsSchema = z.object({ trace_id: z.string().max(64).describe('32 hex digits, as list_traces gives it.') });
  const said = (text: string) => ({ messages: [{ role: 'user' as const, content: { type: 'text' as const, text } }] });
  server.registerPrompt('diagnose_run', { description: 'Find out what went wrong in a run.', argsSchema }, ({ trace_id }) =>
    said(
      `Find out what went wrong in the run ${word(trace_id)}. Call get_trace, then explain_detection for each detection of it. Say which step went wrong first, what shows it, and what would prevent it. Do not judge detections. ${NOTICE}`,
    ),
  );
  server.registerPrompt('postmortem', { description: 'Write a postmortem of a run.', argsSchema }, ({ trace_id }) =>
    said(
      `Write a postmortem of the run ${word(trace_id)}: what happened by time, impact, root cause with the ids of steps and detections, what to change. Take it from get_trace, list_detections and explain_detection only, and say what they do not show. ${NOTICE}`,
    ),
  );
}
