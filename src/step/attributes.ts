/**
 * Every `misstep.*` attribute, in one place: what adapters write where no convention has a name, and
 * what findings write. `docs/attributes.md` is generated from it. A key that ends in `*` is a family.
 */

export type AttributeType = 'string' | 'int' | 'double' | 'boolean' | 'string[]' | 'json';

/** `span`: written by adapters and read by detectors. The others are written by findings. */
export type AttributePlace = 'span' | 'event' | 'carrier' | 'log' | 'metric' | 'target' | 'link';

export interface AttributeEntry {
  readonly key: string;
  readonly type: AttributeType;
  readonly on: readonly AttributePlace[];
  /** One sentence. */
  readonly text: string;
}

const finding = ['event', 'carrier', 'log'] as const;

export const attributes: readonly AttributeEntry[] = [
  {
    key: 'misstep.graph.nodes',
    type: 'json',
    on: ['span'],
    text: 'Nodes of the workflow that the run follows: names, or objects with a name.',
  },
  {
    key: 'misstep.graph.edges',
    type: 'json',
    on: ['span'],
    text: 'Edges of the workflow: pairs of node names, or objects with source and target.',
  },
  { key: 'misstep.graph.*', type: 'json', on: ['span'], text: 'Further facts of the workflow that a framework states.' },
  { key: 'misstep.state.before', type: 'json', on: ['span'], text: 'State of the workflow as the step found it.' },
  { key: 'misstep.state.after', type: 'json', on: ['span'], text: 'State of the workflow, or its update, as the step left it.' },
  {
    key: 'misstep.limit.*',
    type: 'double',
    on: ['span'],
    text: 'A limit that holds for the step, such as context_window, recursion_limit or max_steps.',
  },
  { key: 'misstep.channel', type: 'string', on: ['span'], text: 'Channel on which a message arrived or left.' },
  { key: 'misstep.sandbox.*', type: 'json', on: ['span'], text: 'Sandbox in which a tool ran: its mode and what it allows.' },
  { key: 'misstep.detections', type: 'string[]', on: ['target'], text: 'Detectors that found something on this span.' },
  {
    key: 'misstep.detection.id',
    type: 'string',
    on: finding,
    text: 'Identity of the finding; equal when the same finding is sent again.',
  },
  { key: 'misstep.detection.revision', type: 'int', on: finding, text: 'Grows when a finding is sent again with more evidence.' },
  { key: 'misstep.detection.message', type: 'string', on: finding, text: "The detector's message id." },
  { key: 'misstep.detection.category', type: 'string', on: finding, text: 'Family of the detector.' },
  { key: 'misstep.detection.severity', type: 'string', on: finding, text: 'low, medium, high or critical.' },
  { key: 'misstep.detection.confidence.tier', type: 'string', on: finding, text: 'HIGH, LIKELY, POSSIBLE or LOW.' },
  {
    key: 'misstep.detection.tier',
    type: 'int',
    on: finding,
    text: '1 structure, 2 change over time, 3 text, 4 judge, 5 person.',
  },
  { key: 'misstep.detection.scope', type: 'string', on: finding, text: 'trace, session or agent.' },
  {
    key: 'misstep.detection.late',
    type: 'boolean',
    on: finding,
    text: 'True if the target had been forwarded before the finding was made.',
  },
  {
    key: 'misstep.detection.target.trace_id',
    type: 'string',
    on: ['carrier', 'log'],
    text: 'Trace of the span that the finding is about.',
  },
  {
    key: 'misstep.detection.target.span_id',
    type: 'string',
    on: ['carrier', 'log'],
    text: 'The span that the finding is about.',
  },
  {
    key: 'misstep.detection.evidence.span_ids',
    type: 'string[]',
    on: finding,
    text: 'Spans that show it, the target among them.',
  },
  { key: 'misstep.detection.evidence.count', type: 'int', on: finding, text: 'Number of spans that show it.' },
  { key: 'misstep.detection.data.*', type: 'json', on: finding, text: "The message's values, such as the count of a loop." },
  { key: 'misstep.detector.version', type: 'string', on: finding, text: 'Version of the detector.' },
  { key: 'misstep.detector.config_hash', type: 'string', on: finding, text: 'Hash of the options that the detector ran with.' },
  { key: 'misstep.taxonomy.mast', type: 'string[]', on: finding, text: 'Failure modes of MAST.' },
  { key: 'misstep.taxonomy.trail', type: 'string[]', on: finding, text: 'Categories of TRAIL.' },
  { key: 'misstep.taxonomy.owasp', type: 'string[]', on: finding, text: 'Entries of OWASP for agentic applications.' },
  { key: 'misstep.taxonomy.modes', type: 'string[]', on: finding, text: "Failure modes of misstep's own list." },
  { key: 'misstep.link.type', type: 'string', on: ['link'], text: "What a carrier span's link leads to: target or evidence." },
];

/** True if the registry has the key, by name or by family. */
export function isRegistered(key: string): boolean {
  return attributes.some((entry) => (entry.key.endsWith('*') ? key.startsWith(entry.key.slice(0, -1)) : entry.key === key));
}
