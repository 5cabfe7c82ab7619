// The page's table of names: it has every public name of the reference's SDK, and each row is called by its name.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import * as agent from './agent.ts';
import * as library from './index.ts';

const entries: Readonly<Record<string, Readonly<Record<string, unknown>>>> = { misstep: library, 'misstep/agent': agent };

const page = readFileSync(join(import.meta.dirname, '../../docs/sdk.md'), 'utf8');
const rows = [...page.matchAll(/^\| `([^`]+)` \| `([^`]+)` \| `(misstep(?:\/agent)?)` \|/gm)].map(
  ([, python = '', name = '', entry = '']) => [python, name, entry] as const,
);

/** research/api-surface.md §13.1 and the published text. */
const PYTHON = [
  ...['Trace', 'Span', 'Event', 'TraceMetadata', 'DetectionOrchestrator', 'DetectorRegistry', 'BaseDetector', 'DetectionResult'],
  ...['Evidence', 'FixRecommendation', 'ScoringEngine', 'Thresholds', 'SeverityLevel', 'HealingEngine', 'HealingPlan'],
  ...['FixContext', 'FixResult', 'BaseFix', 'FixInjectionProtocol', 'EnforcementEngine', 'EnforcementLevel', 'AuditLogger'],
  ...[
    'AuditEvent',
    'PisamaConfig',
    'DetectionConfig',
    'HealingConfig',
    'PlatformAdapter',
    'PIIDetector',
    'Tokenizer',
    'TokenVault',
  ],
  ...['pre_tool_use_hook', 'post_tool_use_hook', 'configure_bridge', 'DetectionBridge', 'BridgeConfig', 'PreToolUseHook'],
  ...[
    'PostToolUseHook',
    'ALL_TOOLS',
    'FILE_TOOLS',
    'SHELL_TOOLS',
    'DANGEROUS_COMMANDS',
    'AGENT_TOOLS',
    'create_matcher',
    'check',
  ],
  ...['create_check_tool', 'PisamaEvaluator', 'install', 'parse_openai_*', 'parse_bedrock_invoke_agent'],
];

/** Four times the same call with the same answer. */
function looping(): library.Trace {
  const trace = new library.Trace({ metadata: { sessionId: 's', agent: 'searcher' } });
  for (let i = 0; i < 4; i++)
    trace.addSpan({ kind: 'tool', tool: 'search', arguments: { q: 'x' }, result: 'nothing found', startMs: 1_000 * (i + 1) });
  return trace;
}
const analysis = await new library.DetectionOrchestrator().analyze(looping());
const loop = analysis.detections.find(({ detector }) => detector === 'loop') as library.DetectionResult;
const call = { session_id: 's', tool_use_id: 't', tool_name: 'Read', tool_input: { file_path: 'a' } };

class Note extends library.BaseFix {
  readonly id = 'note';
  readonly detectors = ['loop'];
  readonly risk = 'dangerous';
  apply(context: library.FixContext): void {
    void context.injection.inject(context.sessionId, 'stop');
  }
}

/** By the name of the row; gets what has that name. */
// biome-ignore lint/suspicious/noExplicitAny: what a name is, is what the call finds out.
const calls: Readonly<Record<string, (named: any) => unknown>> = {
  Trace: (Trace) => expect(new Trace().toOtlp()).toBeInstanceOf(Uint8Array),
  Span: (Span) => expect(new Span({ kind: 'llm' }).spanId).toMatch(/^[0-9a-f]{16}$/),
  Event: (Event) => expect(new Event('x', 1).timeMs).toBe(1),
  TraceMetadata: (Metadata) => expect(new Metadata().service).toBe('app'),
  DetectionOrchestrator: async (Orchestrator) =>
    expect((await new Orchestrator({ only: ['loop'] }).analyze(looping())).detections[0]).toMatchObject({ detector: 'loop' }),
  DetectorRegistry: (Registry) => expect(new Registry().ids.length).toBeGreaterThan(40),
  defineDetector: (define) => expect(define({ meta: { id: 'x' } })).toEqual({ meta: { id: 'x' } }),
  DetectionResult: (Result) => expect(loop).toBeInstanceOf(Result),
  Evidence: (Evidence) => {
    expect(loop.evidence).toBeInstanceOf(Evidence);
    expect(loop.evidence.spans.length).toBeGreaterThan(1);
  },
  FixRecommendation: (Recommendation) => expect(new Recommendation(loop.finding).action).toBe(loop.finding.action),
  ScoringEngine: (Engine) => expect(new Engine().calculateSeverity([analysis])).toBe(analysis.severity),
  Thresholds: (Thresholds) => {
    const thresholds = new Thresholds();
    expect([39, 40, 59, 60].map((score) => thresholds.verdict(score))).toEqual(['pass', 'warn', 'warn', 'block']);
    expect(() => new Thresholds({ warning: 70 })).toThrow('above the block threshold');
    expect(() => new Thresholds({ block: Number.NaN })).toThrow('from 0 to 100');
  },
  SeverityLevel: (Level) =>
    expect([0, 1, 25, 50, 75].map((score) => Level.of(score))).toEqual(['none', 'low', 'medium', 'high', 'critical']),
  HealingEngine: async (Engine) => {
    const engine = new Engine();
    const [result] = await engine.apply(engine.plan('s', analysis));
    expect(result.status).toBe('applied');
    expect(await engine.rollback(result)).toBe(true);
    expect(engine.injection.take('s')).toEqual([]);
    expect(engine.audit.events().map(({ kind }: library.AuditEvent) => kind)).toContain('rollback');
  },
  HealingPlan: (Plan) => expect(new Plan([]).needsApproval).toBe(false),
  FixContext: (Context) => expect(new Context('s', loop, new library.InstructionQueue()).sessionId).toBe('s'),
  FixResult: async (Result) => {
    const engine = new library.HealingEngine({ fixes: [new Note()] });
    const plan = engine.plan('s', analysis);
    expect((await engine.apply(plan))[0]).toEqual(new Result(plan.fixes[0], 'staged'));
  },
  BaseFix: async (BaseFix) => {
    const fix = new Note();
    expect(fix).toBeInstanceOf(BaseFix);
    const engine = new library.HealingEngine({ fixes: [fix] });
    const [result] = await engine.apply(engine.plan('s', analysis), () => true);
    expect([result?.status, (engine.injection as library.InstructionQueue).take('s')]).toEqual(['applied', ['stop']]);
    expect(await engine.rollback(result as library.FixResult)).toBe(false);
  },
  InstructionQueue: (Queue) => {
    const queue: library.FixInjectionProtocol & library.InstructionQueue = new Queue();
    queue.inject('s', 'a');
    queue.inject('s', 'a');
    expect([queue.take('s'), queue.take('s')]).toEqual([['a'], []]);
    for (let i = 0; i < 20; i++) queue.inject('s', String(i));
    expect(() => queue.inject('s', 'one more')).toThrow(RangeError);
  },
  EnforcementEngine: (Engine) => {
    const actions = Object.values(library.EnforcementLevel).map((level) => new Engine({ level }).decide(analysis).action);
    expect(actions).toEqual(['none', 'warn', 'ask', 'deny']);
    expect(() => new Engine({ level: 'x' })).toThrow('must be one of');
  },
  EnforcementLevel: (Level) => expect(Level.DENY).toBe('deny'),
  AuditLogger: (Logger) => {
    const logger = new Logger({
      capacity: 2,
      now: () => 5,
      sink: () => {
        throw new Error('full');
      },
    });
    for (let i = 0; i < 3; i++) logger.log('decision', 'ada@example.org');
    expect([logger.total, logger.sinkErrors, logger.events().length]).toEqual([3, 3, 2]);
    expect(logger.events('decision')[0]).toMatchObject({ number: 2, timeMs: 5, subject: '[e-mail]' });
  },
  AuditEvent: (Event) => expect(new Event(1, 2, 'fix', 'x', { key: 'sk-abcdefghijklmnop1234' }).data).toEqual({ key: '[key]' }),
  MisstepConfig: (Config) => {
    expect(new Config({ detection: { blockThreshold: 70 } }).detection.thresholds.block).toBe(70);
    expect(() => new Config({ detectoin: {} })).toThrow('detectoin');
  },
  DetectionConfig: (Config) => {
    expect(new library.DetectionOrchestrator(new Config({ only: ['loop'] })).detectors).toHaveLength(1);
    expect(() => new library.DetectionOrchestrator(new Config({ only: ['lop'] }))).toThrow('lop');
  },
  HealingConfig: (Config) => {
    expect(new library.HealingEngine(new Config({ autoApply: 'never' })).plan('s', analysis).needsApproval).toBe(true);
    expect(() => new Config({ maxFixes: 0 })).toThrow('maxFixes');
  },
  PlatformAdapter: async (Adapter) => {
    expect(library.adapters['langgraph']).toBeInstanceOf(Adapter);
    const document = { resourceSpans: [] };
    expect(new Adapter('own', () => [document]).toTraces({})).toEqual([document]);
    expect(library.parseAny(document)).toEqual([document]);
  },
  PIIDetector: (Detector) => expect(new Detector().redact('to ada@example.org')).toBe('to [e-mail]'),
  Tokenizer: (Tokenizer) => {
    const tokenizer = new Tokenizer();
    const text = 'to ada@example.org';
    expect(tokenizer.tokenize(text)).not.toBe(text);
    expect(tokenizer.detokenize(tokenizer.tokenize(text))).toBe(text);
  },
  TokenVault: (Vault) => {
    const vault = new Vault();
    vault.put('t', 'v');
    expect([vault.get('t'), vault.get('u'), vault.size]).toEqual(['v', undefined, 1]);
  },
  preToolUseHook: async (hook) => expect(await hook({ ...call, hook_event_name: 'PreToolUse' }, 't', {})).toEqual({}),
  postToolUseHook: async (hook) =>
    expect(await hook({ ...call, hook_event_name: 'PostToolUse', tool_response: 'x' }, 't', {})).toEqual({}),
  configureBridge: (configure) => {
    expect(configure({ warningThreshold: 30, blockThreshold: 50, timeoutMs: 60 }).config.timeoutMs).toBe(60);
    expect(() => configure({ warning_threshold: 30 })).toThrow('warning_threshold');
    configure();
  },
  DetectionBridge: async (Bridge) =>
    expect(await new Bridge().before({ sessionId: 's', tool: 'Read', input: {} })).toMatchObject({ action: 'none' }),
  BridgeConfig: (Config) => {
    const { thresholds, timeoutMs } = new Config();
    expect([thresholds.warning, thresholds.block, timeoutMs]).toEqual([40, 60, 80]);
  },
  PreToolUseHook: async (Hook) =>
    expect(
      await new Hook({ bridge: new agent.DetectionBridge({ timeoutMs: 30_000 }) }).hook({
        ...call,
        hook_event_name: 'PreToolUse',
      }),
    ).toEqual({}),
  PostToolUseHook: async (Hook) => {
    const bridge = new agent.DetectionBridge({ timeoutMs: 30_000 });
    await new Hook({ bridge, matcher: agent.FILE_TOOLS }).hook({ ...call, hook_event_name: 'PostToolUse', tool_response: 1 });
    expect(bridge.counts.told).toBe(1);
  },
  ALL_TOOLS: (matcher) => expect(matcher.matches('mcp__x__y', {})).toBe(true),
  FILE_TOOLS: (matcher) =>
    expect(['Read', 'NotebookRead', 'Bash'].map((tool) => matcher.matches(tool, {}))).toEqual([true, false, false]),
  SHELL_TOOLS: (matcher) => expect(['Bash', 'BashOutput'].map((tool) => matcher.matches(tool, {}))).toEqual([true, false]),
  DANGEROUS_COMMANDS: (matcher) =>
    expect(['rm -rf /', 'ls'].map((command) => matcher.matches('Bash', { command }))).toEqual([true, false]),
  AGENT_TOOLS: (matcher) => expect(['Task', 'Read'].map((tool) => matcher.matches(tool, {}))).toEqual([true, false]),
  createMatcher: (create) => {
    const matcher = create({ tools: ['Bash|Edit', /mcp__.*/], exclude: ['mcp__safe__.*'], inputPattern: /prod/g });
    const asked = [
      ['Bash', 'on prod'],
      ['Bash', 'on test'],
      ['mcp__db__x', { at: 'prod' }],
      ['mcp__safe__x', 'prod'],
    ];
    expect(asked.map(([tool, input]) => matcher.matches(tool, input))).toEqual([true, false, true, false]);
    expect(matcher.pattern).toBe('Bash|Edit|mcp__.*');
    expect(() => create({ tools: ['('] })).toThrow(SyntaxError);
  },
  check: async (check) => {
    expect((await check(looping(), { only: ['loop'] })).shouldBlock).toBe(true);
    await expect(check({ spans: [] })).rejects.toThrow('must be a Trace');
  },
  createCheckTool: async (create) => {
    const bridge = new agent.DetectionBridge({ timeoutMs: 30_000 });
    const tool: agent.CheckTool = create({ bridge });
    expect(await tool.handler({ session_id: 'nobody' })).toMatchObject({ isError: true });
    for (let i = 0; i < 4; i++) await bridge.after({ sessionId: 's', tool: 'search', input: 'x' }, 'nothing');
    expect((await tool.handler({ session_id: 's' })).content[0]?.text).toContain('loop');
    expect((await tool.handler(null)).isError).toBe(true);
  },
  MisstepEvaluator: async (Evaluator) => {
    const evaluator = new Evaluator();
    expect(await evaluator.evaluate(looping())).toMatchObject({ passed: false });
    expect(await evaluator.evaluate(new library.Trace())).toMatchObject({ passed: true, score: 1 });
  },
  install: (install) => {
    const folder = mkdtempSync(join(tmpdir(), 'misstep-names-'));
    expect(install({ file: join(folder, 'settings.json'), dryRun: true })).toMatchObject({ changed: true });
    rmSync(folder, { recursive: true });
  },
  parseOpenai: async (parse) => {
    const response = { object: 'response', id: 'resp_1', status: 'completed', created_at: 1, model: 'm', output: [] };
    expect((await new library.DetectionOrchestrator().analyze(...parse(response))).errors).toEqual([]);
    expect(() => parse('x')).toThrow();
  },
  parseBedrockInvokeAgent: (parse) => {
    const trace = { agentId: 'a', callerChain: [], sessionId: 's', trace: { orchestrationTrace: {} } };
    expect(parse([{ trace }])[0]).toHaveProperty('resourceSpans');
    expect(() => parse('x')).toThrow();
  },
};

test('the table has every name, and a call for each', () => {
  expect(rows.map(([python]) => python).sort()).toEqual([...PYTHON].sort());
  expect(rows.map(([, name]) => name).sort()).toEqual(Object.keys(calls).sort());
});

describe('every row is called', () => {
  it.each(rows)('%s as %s of %s', async (_python, name, entry) => {
    const exported = entries[entry] as Readonly<Record<string, unknown>>;
    expect(Object.keys(exported)).toContain(name);
    await calls[name]?.(exported[name]);
  });
});
