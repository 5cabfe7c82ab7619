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
export const FORMAT_VERSION = 1;
const HEADER_BYTES = 16;

/** What states consist of: the last part is one state, without what differs from run to run. */
const dictionary = Buffer.from(
  [
    '"explanation":"","data":{"revision":0,"severity":"high","score":0.,"confidence":0.,"windowKey":"","evidence":[["atMs":',
    '"off":[[,"restarted"]],"failed"],"handoffs":[["failures":[["unnamed":,"argumentsLender":,"resultLender":,"late":{"wraps":true',
    '"toolServer":"","reportedTool":"","callId":"call_","toolName":"","cost":0.00,"service":"","statedAgent":"","agentHint":"","spawns":"',
    '"responseModel":"gpt-4o-","claude-","gpt-4.1","finishReasons":["tool_calls"],["stop"]"provider":"openai","anthropic"',
    '"dialects":["gen_ai"],"openinference","traceloop","logfire","vercel","langsmith"',
    '"kind":"agent","kind":"workflow","kind":"retriever"',
    '{"id":0,"key":"session:default|","tenant":"default","sessionId":"","traces":[""],"seen":[],"resolver":{"traces":[""],"',
    'steps":[{"step":{"light":{"tenant":"default","kind":"llm","service":"","dialects":["gen_ai"],"guards":0,"present":3,"s',
    'tatedAgent":"","sessionId":"","requestModel":"gpt-4o","finishReasons":[],"tokens":{"input":1200,"output":300},"reporte',
    'dInput":1200,"rollup":false},"spanId":"","parentId":"","name":"chat gpt-4o","scope":"","startMs":"endMs":"ending":{"ou',
    'tcome":"ok"}}},{"step":{"light":{"tenant":"default","kind":"tool","service":"","dialects":["gen_ai"],"guards":0,"prese',
    'nt":12,"statedAgent":"","sessionId":"","finishReasons":[],"toolName":"search","reportedTool":"search","rollup":false},',
    '"spanId":"","parentId":"","name":"execute_tool search","scope":"","startMs":"endMs":"ending":{"outcome":"ok"}}}],"node',
    's":[{"step":0,"parent":1},{"id":"","unknown":true,"llmBelow":true},{"step":1,"parent":3},{"id":"","unknown":true,"tool',
    'sBelow":["search"]}],"calls":{"wants":[],"models":[[0],[2],[4]]}},"fold":{"windows":[{"key":"trace:","scope":"trace","',
    'traceId":"","seen":1903,"steps":5,"states":[[0,{"course":{"opener":{"at":{"traceId":"","spanId":""},"agent":"","text":',
    '[]},"task":[],"messages":2,"others":false,"steps":2,"mean":0,"drop":0,"from":null,"low":0},"acted":0,"models":true,"la',
    'st":null}],[40,{"used":true,"models":true,"spoken":0,"acted":0,"planned":[],"failed":null,"todos":null,"ended":[],"bro',
    'ken":null,"last":null}]]},{"key":"session:","scope":"session","traceId":"","seen":1903,"steps":5,"states":[[1,{"seen":',
    '["","","","",""],"histories":[{"count":1,"hash":},{"count":1,"hash":},{"count":1,"hash":}],"tools":["search"],"asked":',
    '[],"taints":[],"own":[]}],[15,{"tokens":4500,"cost":0,"priced":0,"calls":3,"lanes":[{"name":"|gpt-4o","last":[1500,150',
    '0,1500]}],"over":{"tokens":null,"cost":null}}],[42,{"layers":[[0,256,0,0,0,0,65536,0,0,0,0]],"added":1}]]},{"key":"ses',
    'sion:|agent:","scope":"agent","traceId":"","agent":"","seen":1903,"steps":5,"states":[[16,{"tokens":4500,"cost":0,"cal',
    'ls":{"rows":[{"traceId":"","spanId":"","tokens":1500,"cost":0,"call":"","result":"","tool":"search","failed":false,"wa',
    'its":false},{"traceId":"","spanId":"","tokens":3000,"cost":0,"call":"","result":"","tool":"search","failed":false,"wai',
    'ts":false}],"streaks":[null,null,null],"drift":{"tool":"search","result":"","args":"{\\"query\\":\\","first":{"traceId":"',
    '","spanId":"","tokens":3000,"cost":0},"second":null,"count":1,"empty":false}},"outputs":{"last":[],"count":1,"likeness',
    '":1,"first":{"traceId":"","spanId":"","tokens":4500,"cost":0},"second":null,"asked":""},"retry":null}],[17,{"lanes":[{',
    '"model":"gpt-4o","last":1200,"slope":0,"calls":3,"disproved":false,"near":null,"ahead":null}]}],[19,{"tools":null,"che',
    'cked":[],"waiting":[{"tool":"search","args":"{\\"query\\":\\","traceId":"","spanId":""},{"tool":"search","args":"{\\"query',
    '\\":\\","traceId":"","spanId":""}],"uses":[{"tool":"search","keys":["query"],"count":2}]}]]}],"findings":[{"id":"","revi',
    'sion":0,"detector":","message":","version":1,"severity":"medium","score":0."confidence":0."windowKey":"session:|agent:',
    '","agent":"","at":["",""],"evidence":[],"explanation":","data":{","atMs":}]},"said":[{"finding":0,"atMs":}],"finalMs":',
    '"refolded":0,"folded":5,"lastEndMs":"openedMs":0,"touchedMs":80000}',
  ].join(''),
);

/** A window of 16 KiB sees the whole dictionary from anywhere in a usual state; a larger one costs more to set up than it saves. */
const options = { dictionary, level: 6, windowBits: 14, memLevel: 6 };

/** A value as few bytes, for `unpack`. A copy: what zlib gives is the beginning of 16 KiB. */
function pack(value: unknown): Buffer {
  const bytes = deflateRawSync(JSON.stringify(value), options);
  const own = Buffer.allocUnsafeSlow(bytes.length);
  own.set(bytes);
  return own;
}

function unpack(bytes: Uint8Array): unknown {
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
