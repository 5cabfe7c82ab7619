/** Documents of adapters as the steps that detectors see, for tests. */
import { dialectKeys } from '../../src/dialects/keys.ts';
import { isAgentSpan, type NormalisedSpan, normalise } from '../../src/dialects/normalise.ts';
import { documentToProtobuf } from '../../src/otlp/json.ts';
import { spanReader } from '../../src/otlp/span.ts';
import { walkTraces } from '../../src/otlp/traces.ts';

/** The steps in the order of the document: the root first. Every span must be one, and no member of the document unknown. */
export function stepsOf(documents: readonly unknown[]): readonly NormalisedSpan[] {
  return documents.flatMap((document) => {
    const { body, unknownMembers } = documentToProtobuf('traces', document);
    if (unknownMembers > 0) throw new Error(`${unknownMembers} members are no OTLP`);
    const index = walkTraces(body, dialectKeys);
    return Array.from({ length: index.spanCount }, (_, row) => {
      const reader = spanReader().at(index, row);
      const step = isAgentSpan(reader) ? normalise(reader, 'default') : undefined;
      if (step === undefined) throw new Error(`span ${row} is no step`);
      return step;
    });
  });
}

/** Looks at everything a detector may look at; throws if any of it does. */
export function lookAtAll(step: NormalisedSpan): void {
  for (const value of Object.values(step.extra)) void value;
  void [step.input, step.output, step.system, step.documents, step.query, step.toolDefinitions, step.limits];
  void [step.stateBefore, step.stateAfter, step.tool?.arguments, step.tool?.result, step.outcome, step.error];
}
