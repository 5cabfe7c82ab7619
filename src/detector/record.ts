/**
 * A run's state as bytes: what is kept of it while it is idle, and what outlives the process.
 *
 * On disk, little endian:
 *
 *      0  u32  magic "MSS1"
 *      4  u32  CRC-32 of everything after it
 *      8  u32  format version
 *     12  u32  bytes of the state
 *     16       the state: JSON under raw deflate with the dictionary of the format
 *     ..       the steps that may be folded again, as one ExportTraceServiceRequest
 *
 * The JSON names every detector with its state version and the hash of its options, so that a state is only given to the
 * detector it is of. The dictionary is part of the format: with another one the format has another version.
 */
import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';

const MAGIC = 0x3153534d;
const FORMAT_VERSION = 1;
const HEADER_BYTES = 16;

/** What states consist of, the most frequent last. */
const dictionary = Buffer.from(
  [
    '"explanation":"","data":{"revision":0,"severity":"high","score":0.,"confidence":0.,"windowKey":"","evidence":[["atMs":',
    '"off":[[,"restarted"]],"failed"],"handoffs":[["failures":[["unnamed":,"argumentsLender":,"resultLender":,"late":{"wraps":true',
    '"toolServer":"","reportedTool":"","callId":"call_","toolName":"","cost":0.00,"service":"","statedAgent":"","agentHint":"","spawns":"',
    '"responseModel":"gpt-4o-","claude-","gpt-4.1","finishReasons":["tool_calls"],["stop"]"provider":"openai","anthropic"',
    '"dialects":["gen_ai"],"openinference","traceloop","logfire","vercel","langsmith"',
    '"kind":"agent","kind":"workflow","kind":"retriever","toolsBelow":["unknown":true,"llmBelow":true,"parent":',
    '"tokens":{"input":,"output":,"cacheRead":,"reasoning":},"reportedInput":',
    ',"rollup":false},"spanId":"","parentId":"","name":"execute_tool ","scope":"opentelemetry.instrumentation.',
    '","startMs":17,"endMs":17,"ending":{"outcome":"ok"}},{"step":{"light":{"tenant":"default","kind":"tool","service":"',
    '{"trace":1,"step":{"light":{"tenant":"default","kind":"llm","service":"","dialects":["gen_ai"],"guards":0,"present":',
    ',"finishReasons":[],"toolName":"","reportedTool":"","sessionId":"","statedAgent":"',
    '"name":"chat gpt-4o","requestModel":"gpt-4o","endMs":,"ending":{"outcome":"ok"}}},{"step":',
    '"nodes":[{"step":0,"agent":""},{"step":1},"calls":{"wants":[],"models":[[0],[2],[4]]}}',
    '"fold":{"windows":[{"key":"trace:","scope":"trace","traceId":"","seen":,"steps":,"states":[[0,{"last":null,"first":',
    '{"key":"session:|agent:","scope":"agent","traceId":"","agent":"","count":0,"total":"hash":"text":"span":{"traceId":"","spanId":""}',
    '"findings":[]},"said":[],"finalMs":17,"folded":,"refolded":0,"lastEndMs":17,"openedMs":17,"touchedMs":17',
    '{"key":"session:default|","tenant":"default","sessionId":"","traces":[""],"seen":[],"resolver":{"traces":[""],"steps":[{"step":{"light":',
  ].join(''),
);

/** A few KB at most: a larger window costs more to set up than it saves. */
const options = { dictionary, level: 6, windowBits: 13, memLevel: 6 };

/** A value as few bytes, for `unpack`. A copy: what zlib gives is the beginning of 16 KiB. */
export function pack(value: unknown): Buffer {
  const bytes = deflateRawSync(JSON.stringify(value), options);
  const own = Buffer.allocUnsafeSlow(bytes.length);
  own.set(bytes);
  return own;
}

export function unpack(bytes: Uint8Array): unknown {
  return JSON.parse(inflateRawSync(bytes, { dictionary }).toString());
}

export function writeRecord(state: unknown, steps: readonly Uint8Array[]): Buffer {
  const packed = pack(state);
  const head = Buffer.alloc(HEADER_BYTES);
  head.writeUInt32LE(MAGIC, 0);
  head.writeUInt32LE(FORMAT_VERSION, 8);
  head.writeUInt32LE(packed.length, 12);
  const record = Buffer.concat([head, packed, ...steps]);
  record.writeUInt32LE(crc32(record.subarray(8)), 4);
  return record;
}

/** Why a record cannot be read: it is lost, and said to be. */
export class RecordError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'RecordError';
  }
}

/** Throws `RecordError` for what is damaged, no record, or of a format that is not known. */
export function readRecord(record: Buffer): { readonly state: unknown; readonly steps: Buffer } {
  if (record.length < HEADER_BYTES || record.readUInt32LE(0) !== MAGIC) throw new RecordError('this is no state record');
  if (crc32(record.subarray(8)) !== record.readUInt32LE(4)) throw new RecordError('the state record is damaged');
  const version = record.readUInt32LE(8);
  if (version !== FORMAT_VERSION) throw new RecordError(`the state record has format ${version}; ${FORMAT_VERSION} is known`);
  const end = HEADER_BYTES + record.readUInt32LE(12);
  return { state: unpack(record.subarray(HEADER_BYTES, end)), steps: record.subarray(end) };
}
