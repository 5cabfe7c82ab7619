/** Payloads of a platform to traces. */

/** `convert`: a payload to OTLP/JSON documents. Throws an error that says what is wrong with the payload. */
export class PlatformAdapter {
  readonly platform: string;
  private readonly convert: (payload: unknown) => readonly unknown[];

  constructor(platform: string, convert: (payload: unknown) => readonly unknown[]) {
    this.platform = platform;
    this.convert = convert;
  }

  /** For `DetectionOrchestrator.analyze(...adapter.toTraces(payload))`. */
  toTraces(payload: unknown): readonly object[] {
    return this.convert(payload) as readonly object[];
  }
}
