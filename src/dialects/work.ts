/** What a tool or retriever worked on: arguments, result, definitions, documents, query, state, graph facts. Heavy. */
import type { SpanReader, Value } from '../otlp/span.ts';
import type { Document, StepKind, ToolDefinition } from '../step/step.ts';
import { eventDocuments, eventToolOutput } from './events.ts';
import { readFlat } from './flat.ts';
import { firstMember, isObject, type Json, member, parse, plain, read, stringify, text } from './json.ts';
import { rowId } from './keys.ts';
import { stripMarker } from './markers.ts';
import { argumentText, maxItems, resultText } from './parts.ts';
import { find } from './pass.ts';

const rows = {
  parameters: rowId('tool.parameters'),
  command: rowId('full_command'),
  file: rowId('file_path'),
  skill: rowId('skill_name'),
  input: rowId('input.value'),
  output: rowId('output.value'),
  entityInput: rowId('traceloop.entity.input'),
  entityOutput: rowId('traceloop.entity.output'),
  observationInput: rowId('langfuse.observation.input'),
  observationOutput: rowId('langfuse.observation.output'),
  tools: rowId('llm.tools.'),
  functions: rowId('llm.request.functions.'),
  documents: rowId('retrieval.documents.'),
  reranked: rowId('reranker.output_documents.'),
  metadata: rowId('metadata'),
  prompt: rowId('gen_ai.prompt'),
  completion: rowId('gen_ai.completion'),
};
/** Claude Code's single arguments, under the name of the tool's own parameter. */
const single = new Map([
  [rows.command, 'command'],
  [rows.file, 'file_path'],
  [rows.skill, 'skill'],
]);

/** The tool's arguments as JSON text where the dialect gave JSON. `{}` placeholders stand only if nothing better does. */
export function readArguments(reader: SpanReader, guards: number): string | undefined {
  let empty: string | undefined;
  const found = find(reader, 'toolArguments', guards, (value, row) => {
    const args = argumentsOf(value, row);
    if (args === '{}' || args === '[]') {
      empty ??= args;
      return undefined;
    }
    return args;
  });
  return found ?? empty;
}

function argumentsOf(value: Value, row: number): string | undefined {
  const parameter = single.get(row);
  if (parameter !== undefined) return typeof value === 'string' ? JSON.stringify({ [parameter]: value }) : undefined;
  if (typeof value === 'string') {
    if (value === 'null' || value === 'None') return undefined;
    const bare = stripMarker(value);
    const json = parse(bare);
    if (row === rows.parameters && isSchema(json)) return undefined;
    const unwrapped = row === rows.prompt ? (member(json, 'input') ?? json) : unwrapInput(json);
    return unwrapped === json ? argumentText(bare) : argumentText(unwrapped);
  }
  const json = plain(value);
  return row === rows.parameters && isSchema(json) ? undefined : argumentText(unwrapInput(json));
}

/** OpenInference's specification has the schema here, its emitters mostly the values. */
function isSchema(json: Json): boolean {
  if (isObject(member(json, 'properties')) && (member(json, 'type') === 'object' || member(json, '$schema') !== undefined))
    return true;
  // smolagents: `{name: {type, description}}` for each parameter.
  if (!isObject(json)) return false;
  const parameters = Object.values(json);
  return (
    parameters.length > 0 &&
    parameters.every((one) => text(member(one, 'type')) !== undefined && text(member(one, 'description')) !== undefined)
  );
}

/** What tracers wrap around arguments: LangChain's `{inputs, tags, metadata, kwargs}` (kwargs hold run ids), Python's `{args, kwargs}`. */
function unwrapInput(json: Json): Json {
  const inputs = member(json, 'inputs');
  if (inputs !== undefined && firstMember(json, ['kwargs', 'tags', 'metadata']) !== undefined) return inputs;
  const args = member(json, 'args');
  const kwargs = member(json, 'kwargs');
  if (Array.isArray(args) && isObject(kwargs)) {
    if (args.length === 0) return kwargs;
    return Object.keys(kwargs).length === 0 ? args : { args, kwargs };
  }
  return json;
}

/** The tool's result as text; lists of text parts are joined. */
export function readResult(reader: SpanReader, guards: number): string | undefined {
  return eventToolOutput(reader) ?? find(reader, 'toolResult', guards, resultOf);
}

function resultOf(value: Value, row: number): string | undefined {
  const bare = typeof value === 'string' ? stripMarker(value) : value;
  if (typeof bare === 'string' && (bare === '' || bare === '<REDACTED>' || bare === '<not specified>')) return undefined;
  const json = read(bare);
  // LangSmith's tool runs.
  if (row === rows.completion && member(json, 'output') !== undefined) return messageContent(member(json, 'output'));
  const output = firstMember(json, ['output', 'outputs']);
  if (output !== undefined && member(json, 'kwargs') !== undefined) return messageContent(output);
  if (typeof bare === 'string' && !Array.isArray(json)) return messageContent(json, bare);
  return json === undefined ? undefined : messageContent(json);
}

/** LangChain's ToolMessage in place of its content. */
function messageContent(json: Json, asGiven?: string): string | undefined {
  const inner = member(json, 'lc') === undefined ? undefined : member(json, 'kwargs');
  if (inner !== undefined) return resultText(member(inner, 'content'));
  if (member(json, 'type') === 'tool' && member(json, 'content') !== undefined) return resultText(member(json, 'content'));
  return asGiven ?? resultText(json);
}

export function readDefinitions(reader: SpanReader, guards: number): readonly ToolDefinition[] {
  const found = find(reader, 'definitions', guards, (value, row) => {
    const json = row === rows.tools || row === rows.functions ? readFlat(reader, row).items : read(value);
    const list = definitionList(json);
    return list.length === 0 ? undefined : list;
  });
  return found ?? [];
}

function definitionList(json: Json): ToolDefinition[] {
  const out: ToolDefinition[] = [];
  addDefinitions(json, out, 0);
  return out;
}

const wrappers = ['function_tools', 'tools', 'function_declarations', 'functionDeclarations'];

function addDefinitions(json: Json, out: ToolDefinition[], depth: number): void {
  if (depth > 8 || out.length >= maxItems) return;
  if (Array.isArray(json)) {
    for (const item of json) addDefinitions(item, out, depth + 1);
    return;
  }
  if (typeof json === 'string') {
    const parsed = parse(json);
    if (parsed !== undefined && typeof parsed !== 'string') addDefinitions(parsed, out, depth + 1);
    else if (json !== '' && depth > 0) out.push({ name: json, description: undefined, parameters: undefined });
    return;
  }
  const schema = firstMember(json, ['tool.json_schema']) ?? member(member(json, 'tool'), 'json_schema');
  if (schema !== undefined) {
    const parsed = typeof schema === 'string' ? parse(schema) : schema;
    const named = firstMember(json, ['tool.name']) ?? member(member(json, 'tool'), 'name');
    // The schema is either the whole definition or the parameters of the tool beside it.
    if (named === undefined) {
      addDefinitions(parsed, out, depth + 1);
      return;
    }
    const described = firstMember(json, ['tool.description']) ?? member(member(json, 'tool'), 'description');
    out.push({
      name: text(named) ?? '',
      description: text(described),
      parameters: member(member(parsed, 'function'), 'parameters') ?? parsed,
    });
    return;
  }
  const inner = member(json, 'function');
  const target = isObject(inner) ? inner : json;
  const name = text(firstMember(target, ['name', 'tool.name'])) ?? text(member(member(target, 'tool'), 'name'));
  if (name !== undefined) {
    const parameters = firstMember(target, [
      'parameters',
      'input_schema',
      'inputSchema',
      'parameters_json_schema',
      'args_schema',
    ]);
    out.push({
      name,
      description: text(firstMember(target, ['description', 'tool.description'])),
      parameters: schemaOf(parameters),
    });
    return;
  }
  for (const key of wrappers) {
    const list = member(json, key);
    if (list !== undefined) {
      addDefinitions(list, out, depth + 1);
      return;
    }
  }
  const config = member(json, 'config');
  if (config !== undefined) addDefinitions(config, out, depth + 1);
}

function schemaOf(json: Json): Json {
  const parsed = typeof json === 'string' ? parse(json) : json;
  return member(parsed, 'jsonSchema') ?? parsed;
}

/** Documents of a retriever or reranker. */
export function readDocuments(reader: SpanReader, kind: StepKind, guards: number): readonly Document[] {
  // A list of ids and scores gives way to one that holds text: semconv states the one, OpenInference the other, on the same span.
  let bare: readonly Document[] | undefined;
  const found = find(reader, 'documents', guards, (value, row) => {
    const flat = row === rows.documents || row === rows.reranked;
    const list = documentList(flat ? readFlat(reader, row).items : read(value));
    if (list.some(({ content }) => content !== undefined)) return list;
    if (list.length > 0) bare ??= list;
    return undefined;
  });
  if (found !== undefined) return found;
  if (bare !== undefined) return bare;
  const told = eventDocuments(reader);
  if (told.length > 0 || kind !== 'retriever') return told;
  return documentList(read(reader.value(rows.output) ?? reader.value(rows.observationOutput) ?? reader.value(rows.entityOutput)));
}

function documentList(json: Json): readonly Document[] {
  const list = Array.isArray(json) ? json : firstMember(json, ['documents', 'outputs', 'output', 'results', 'chunks']);
  if (!Array.isArray(list)) return [];
  return list
    .slice(0, maxItems)
    .map(toDocument)
    .filter((document) => document.content !== undefined || document.id !== undefined);
}

function toDocument(source: Json): Document {
  if (typeof source === 'string') return { id: undefined, content: source, score: undefined };
  const item = firstMember(source, ['document', 'kwargs']) ?? source;
  const metadata = member(item, 'metadata');
  const score = firstMember(item, ['score', 'document.score', 'relevance_score']) ?? member(metadata, 'score');
  const content =
    firstMember(item, ['content', 'page_content', 'text', 'pageContent', 'document.content']) ??
    (typeof item === 'string' ? item : undefined);
  return {
    id: text(firstMember(item, ['id', 'document.id', 'document_id'])) ?? text(member(metadata, 'document_id')),
    content: content === undefined ? undefined : resultText(content),
    score: typeof score === 'number' ? score : undefined,
  };
}

export function readQuery(reader: SpanReader, kind: StepKind, guards: number): string | undefined {
  const stated = find(reader, 'query', guards, (value) => text(plain(value)));
  if (stated !== undefined || (kind !== 'retriever' && kind !== 'reranker')) return stated;
  const json = read(reader.value(rows.input) ?? reader.value(rows.observationInput) ?? reader.value(rows.entityInput));
  const inner = unwrapInput(json);
  return text(firstMember(inner, ['query', 'question', 'input', 'text'])) ?? stringify(inner);
}

/** State before (`input`) or after (`output`) a node of a graph, as parsed JSON. */
export function readState(reader: SpanReader, side: 'before' | 'after', isNode: boolean, guards: number): unknown {
  const stated = find(reader, side === 'before' ? 'stateBefore' : 'stateAfter', guards, read);
  if (stated !== undefined || !isNode) return stated;
  if (side === 'before') {
    const entity = read(reader.value(rows.entityInput));
    return member(entity, 'inputs') ?? entity ?? read(reader.value(rows.input) ?? reader.value(rows.observationInput));
  }
  const entity = read(reader.value(rows.entityOutput));
  const outputs = member(entity, 'outputs') ?? entity ?? read(reader.value(rows.output) ?? reader.value(rows.observationOutput));
  // LangGraph's Command: what it writes is its update.
  return member(outputs, 'goto') === undefined ? outputs : (member(outputs, 'update') ?? outputs);
}

/** True if `output.value` is a JSON object. */
export function leavesState(reader: SpanReader): boolean {
  const json = reader.value(rows.output) === undefined ? undefined : read(reader.value(rows.output));
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

/** OpenInference's `metadata` JSON. Longer ones hold payload, not facts. */
export function readMetadata(reader: SpanReader): Json {
  return reader.size(rows.metadata) > 16_384 ? undefined : read(reader.value(rows.metadata));
}
