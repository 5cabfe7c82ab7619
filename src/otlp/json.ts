/**
 * OTLP/JSON at the door: turned into protobuf on the way in, so there is one path; and back for the
 * file and debug exporters and JSON replies. hex ids, 64-bit integers as strings or numbers, enums as
 * integers (or their names, leniently), unknown members ignored and counted.
 */
import type { Signal } from '../batch/batch.ts';

export interface JsonResult {
  readonly body: Uint8Array;
  /** Members that no field of the schema has. */
  readonly unknownMembers: number;
}

/** `text` is one Export…ServiceRequest. Throws `WireError` with the path of the member that is wrong. */
export declare function jsonToProtobuf(signal: Signal, text: string): JsonResult;

/** The same for a parsed document (replay reads JSON itself). */
export declare function documentToProtobuf(signal: Signal, document: unknown): JsonResult;

/** One line of OTLP/JSON: hex ids, 64-bit integers as strings, lowerCamelCase. Throws `WireError` on malformed bytes. */
export declare function protobufToJson(signal: Signal, body: Uint8Array): string;
