/** What a task of a graph did, from the messages that it wrote: a model spoke, or tools answered. */
import { firstMember, isObject, member } from '../../../src/dialects/json.ts';
import { type Dict, firstNumber, firstWord, list, word, writeJson } from '../payload.ts';

/** As stated, else by what it wrote. */
export function typeOf(step: Dict, node: string, outputs: unknown): string {
  const stated = firstWord(step, ['node_type', 'type']);
  if (stated !== undefined) return stated.toLowerCase().replaceAll('-', '_');
  const roles = messagesOf(outputs).map(roleOf);
  if (roles.length === 0) return node === 'tools' ? 'tool' : 'node';
  if (roles.every((role) => role === 'tool')) return 'tool';
  return roles.at(-1) === 'ai' || roles.at(-1) === 'assistant' ? 'llm' : 'node';
}

function roleOf(message: unknown): string | undefined {
  return firstWord(message, ['type', 'role']);
}

const roles: Readonly<Record<string, string>> = {
  HumanMessage: 'human',
  AIMessage: 'ai',
  SystemMessage: 'system',
  ToolMessage: 'tool',
  FunctionMessage: 'function',
};

/** A message as its members, also where LangChain wrote its constructor: `{lc: 1, type: "constructor", id: [.., "AIMessage"], kwargs}`. */
export function plainMessage(message: unknown): unknown {
  const kwargs = member(message, 'kwargs');
  if (member(message, 'lc') !== 1 || !isObject(kwargs)) return message;
  const name = (word(list(member(message, 'id')).at(-1)) ?? '').replace('MessageChunk', 'Message');
  return { ...kwargs, type: Object.hasOwn(roles, name) ? roles[name] : (firstWord(kwargs, ['role']) ?? name) };
}

/** Messages that a task wrote: one, a list, or several writes to the channel. */
function messagesOf(outputs: unknown): readonly unknown[] {
  const written = member(outputs, 'messages');
  const writes = member(written, '$writes');
  const given = Array.isArray(writes) ? writes.flat() : Array.isArray(written) ? written : written === undefined ? [] : [written];
  return given
    .slice(0, 1000)
    .map(plainMessage)
    .filter((message) => roleOf(message) !== undefined);
}

/** Calls that a tool node answered: arguments from the message that asked, results from those that it wrote. */
export function callsIn(inputs: unknown, outputs: unknown): readonly Dict[] {
  const direct = member(inputs, 'tool_call');
  const asked = [
    ...(direct === undefined ? [] : [direct]),
    ...list(member(inputs, 'messages'))
      .slice(-50)
      .flatMap((message) => list(member(plainMessage(message), 'tool_calls'))),
  ];
  return messagesOf(outputs)
    .filter((message) => roleOf(message) === 'tool')
    .map((message) => {
      const id = word(member(message, 'tool_call_id'));
      const call = asked.findLast((one) => word(member(one, 'id')) === id);
      const content = member(message, 'content');
      const result = word(content) ?? (content === undefined ? undefined : writeJson(content, 65_536).text);
      return {
        id,
        name: firstWord(message, ['name']) ?? firstWord(call, ['name']),
        args: firstMember(call, ['args', 'arguments']),
        result,
        ...(member(message, 'status') === 'error' ? { error: result ?? 'error', handled: true } : {}),
      };
    });
}

/** Tokens and model of the messages that a model wrote. */
export function usageOf(outputs: unknown): {
  readonly input: number | undefined;
  readonly output: number | undefined;
  readonly model: string | undefined;
} {
  let input: number | undefined;
  let output: number | undefined;
  let model: string | undefined;
  for (const message of messagesOf(outputs)) {
    const usage = member(message, 'usage_metadata');
    const more = firstNumber(usage, ['input_tokens']);
    if (more !== undefined) input = (input ?? 0) + more;
    const said = firstNumber(usage, ['output_tokens']);
    if (said !== undefined) output = (output ?? 0) + said;
    model ??= firstWord(member(message, 'response_metadata'), ['model_name', 'model']);
  }
  return { input, output, model };
}
