/**
 * Healing of one tenant: fixes for a finding, and what becomes of one that is tried. Only a patch of an n8n workflow changes anything outside;
 * every other fix is a proposal, and `complete` and `rollback` write down what a person did.
 *
 * Order of a change outside: place within the limits → claim (so that nobody else begins) → read and compare → snapshot → write → read again →
 * state. A process that dies between leaves the claim, which is over after two minutes, and the snapshot, by which what is there is told.
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { DetectionRow, StepRow, TenantRecords, TraceRow } from '../../src/component/records.ts';
import type { AnyDetector } from '../../src/detector/detector.ts';
import { unifiedDiff } from '../../src/healing/diff.ts';
import { type Fix, type Framework, frameworkOf, type Subject } from '../../src/healing/fix.ts';
import { fixesFor } from '../../src/healing/generators.ts';
import { answers, defaultPatchOptions, NothingToPatch, type PatchOptions, patch } from '../../src/healing/n8n/patches.ts';
import { contentHash, drawnStep, readWorkflow, type Workflow, WorkflowError } from '../../src/healing/n8n/workflow.ts';
import { needsApproval } from '../../src/healing/policy.ts';
import { againstFile, type SourceFile } from '../../src/healing/source/fix.ts';
import { compare, notVerifiable, replay, type Verification } from '../../src/healing/verify.ts';
import { stepsOf } from '../../src/healing/window.ts';
import type { Catalogue } from './catalogue.ts';
import { limitFor, policyOf, reserve, settle } from './healing-limits.ts';
import { allowed, create, type Healing, type Kept, load, type Said, step } from './healing-record.ts';
import { type Kept as InN8n, type N8n, N8nError } from './n8n.ts';
import { notFound, Problem } from './problem.ts';

/** Steps of a window that are run again; a longer one is not verified on a part. */
const MOST_STEPS = 5_000;
/** Traces of a session. */
const MOST_TRACES = 50;
/** A write to n8n is over after half a minute; two minutes later whoever claimed is gone. */
const CLAIM_MS = 120_000;

export interface Asked {
  readonly fix_id?: string | undefined;
  readonly approval_required?: boolean | undefined;
  readonly connection_id?: string | undefined;
  readonly workflow_id?: string | undefined;
  readonly options?: { readonly [Name in keyof PatchOptions]?: PatchOptions[Name] | undefined } | undefined;
  readonly stage?: boolean | undefined;
  readonly skip_verification?: boolean | undefined;
  /** Of the user: the fix is then a diff against it. */
  readonly file?: string | undefined;
}

export interface Deps {
  readonly mine: TenantRecords;
  readonly catalogue: Catalogue;
  readonly nowMs: number;
  /** The client of a connection; throws 404 if there is none. */
  readonly n8n: (connectionId: string) => Promise<N8n>;
  /** A file of the user; throws a `Problem`. */
  readonly source: (path: string) => Promise<SourceFile>;
}

/** What would be done, before anything is. */
export interface Plan {
  readonly body: Omit<Kept, 'history'>;
  /** Seconds are in its message; null if nothing stands in the way. */
  readonly limit: string | null;
}

export class Healer {
  private readonly deps: Deps;

  constructor(deps: Deps) {
    this.deps = deps;
  }

  /** `file`: of the user; the fixes are then diffs against it, where it has their language. */
  async fixes(
    detectionId: string,
    framework?: Framework,
    file?: string,
  ): Promise<{ readonly subject: Subject; readonly fixes: readonly Fix[] }> {
    const row = await this.deps.mine.detection(detectionId);
    if (row === undefined) throw notFound('detection', detectionId);
    const trace = await this.deps.mine.trace(row.trace_id);
    const subject = subjectOf(row, framework ?? frameworkOf(row.detector, trace?.framework ?? null));
    if (file === undefined) return { subject, fixes: fixesFor(subject) };
    const source = await this.deps.source(file);
    return { subject, fixes: fixesFor(subject).map((fix) => againstFile(fix, source)) };
  }

  /** Plans a fix without writing anything anywhere. */
  async plan(detectionId: string, asked: Asked): Promise<Plan> {
    const { subject, fixes } = await this.fixes(detectionId, undefined, asked.file);
    const fix = chosen(fixes, subject, asked);
    const inN8n = asked.connection_id === undefined ? null : await this.planN8n(subject, fix, asked.connection_id, asked);
    const verification = inN8n?.verification ?? (await this.replay(subject, fix));
    const { policy } = await policyOf(this.deps.mine);
    const target = { agent: subject.agent, workflow: inN8n === null ? null : inN8n.n8n.workflow_id };
    const limit = inN8n === null ? undefined : await limitFor(this.deps.mine, policy, target, this.deps.nowMs);
    const reason =
      asked.approval_required === true
        ? 'the request asks for it'
        : needsApproval(policy, fix, verification.verdict === 'verified');
    return {
      limit: limit?.message ?? null,
      body: {
        detection_id: subject.id,
        detection_type: subject.detector,
        message: subject.message,
        trace_id: subject.traceId,
        agent: subject.agent,
        status: reason === undefined ? 'in_progress' : 'pending',
        fix: { ...fix, code_changes: inN8n === null ? [...fix.code_changes] : [inN8n.change], tags: [...fix.tags] },
        n8n: inN8n?.n8n ?? null,
        verification: copyOf(verification),
        approval_reason: reason ?? null,
        approver_id: null,
        error: null,
        applied_ms: null,
        rolled_back_ms: null,
        busy_ms: null,
      },
    };
  }

  /**
   * Writes the plan down. What needs no approval begins: a patch is applied at once, a proposal waits for `complete`. `stage`: kept ready
   * with its patch, and nothing is written to n8n before it is promoted.
   */
  async trigger(detectionId: string, asked: Asked): Promise<Healing> {
    const { body } = await this.plan(detectionId, asked);
    const id = randomUUID();
    const said = { action: 'triggered', actor: 'api', notes: body.approval_reason };
    if (body.n8n !== null && asked.stage === true) {
      const begun = await create(this.deps.mine, id, { ...body, status: 'in_progress' }, said, this.deps.nowMs);
      return this.step(begun, { status: 'staged' }, { action: 'staged', actor: 'api' });
    }
    const write = (of: typeof body) => create(this.deps.mine, id, of, said, this.deps.nowMs);
    if (body.n8n === null || body.status !== 'in_progress') return write(body);
    const made = await this.within(body, id, () => write({ ...body, busy_ms: this.deps.nowMs }));
    return this.apply(made, { action: 'applied', actor: 'policy' }, false);
  }

  /** A person's yes or no. A yes to what is staged promotes it. */
  async approve(
    id: string,
    given: {
      readonly approved: boolean;
      readonly approver_id: string;
      readonly notes?: string | undefined;
      readonly skip_verification: boolean;
    },
  ): Promise<Healing> {
    const healing = await load(this.deps.mine, id);
    const said = { actor: given.approver_id, notes: given.notes };
    if (!given.approved)
      return this.step(healing, { status: 'rejected', approver_id: given.approver_id }, { ...said, action: 'rejected' });
    if (healing.body.status === 'staged') return this.promote(id, given.skip_verification, given.approver_id, given.notes);
    allowed(healing.body.status, 'in_progress');
    if (healing.body.n8n === null)
      return this.step(healing, { status: 'in_progress', approver_id: given.approver_id }, { ...said, action: 'approved' });
    this.checkVerified(healing, given.skip_verification);
    const begun = await this.within(healing.body, id, () =>
      this.step(
        healing,
        { status: 'in_progress', approver_id: given.approver_id, busy_ms: this.deps.nowMs },
        { ...said, action: 'approved' },
      ),
    );
    return this.apply(begun, { ...said, action: 'applied' }, given.skip_verification);
  }

  async promote(id: string, skip: boolean, actor: string, notes?: string): Promise<Healing> {
    const healing = await load(this.deps.mine, id);
    if (healing.body.status !== 'staged')
      throw new Problem(400, 'not-staged', `The healing is ${healing.body.status}; only a staged one is promoted.`);
    this.checkVerified(healing, skip);
    const claimed = await this.within(healing.body, id, () => this.claim(healing));
    return this.apply(claimed, { action: 'promoted', actor, notes }, skip);
  }

  /** What became of a proposal; of a patch, what n8n says of it. */
  async complete(
    id: string,
    given: { readonly success: boolean; readonly actor: string; readonly notes?: string | undefined },
  ): Promise<Healing> {
    const healing = await load(this.deps.mine, id);
    const said = { action: 'completed', actor: given.actor, notes: given.notes };
    const { n8n } = healing.body;
    if (n8n === null) {
      const status = given.success ? 'applied' : 'failed';
      return this.step(healing, { status, ...(given.success ? { applied_ms: this.deps.nowMs } : {}) }, said);
    }
    allowed(healing.body.status, 'failed');
    const claimed = await this.claim(healing);
    const { workflow } = await (await this.deps.n8n(n8n.connection_id)).workflow(n8n.workflow_id).catch(toProblem);
    const there = contentHash(workflow) === (await this.afterHash(claimed));
    if (claimed.body.history.some(({ action }) => action === 'writing')) await settle(this.deps.mine, id, there);
    const notes = there ? 'the workflow is as the patch made it' : 'the workflow is not as the patch made it';
    return this.step(
      claimed,
      there
        ? { status: 'applied', applied_ms: this.deps.nowMs, busy_ms: null }
        : { status: 'failed', error: notes, busy_ms: null },
      { ...said, notes },
    );
  }

  async rollback(id: string, actor: string): Promise<Healing> {
    const healing = await load(this.deps.mine, id);
    allowed(healing.body.status, 'rolled_back');
    const done = { status: 'rolled_back', rolled_back_ms: this.deps.nowMs, busy_ms: null, error: null } as const;
    const { n8n } = healing.body;
    if (n8n === null || healing.body.status === 'staged') {
      const notes = n8n === null ? 'a person takes the change out of their code' : 'nothing was written';
      return this.step(healing, done, { action: 'rolled_back', actor, notes });
    }
    const claimed = await this.claim(healing);
    try {
      const client = await this.deps.n8n(n8n.connection_id);
      const { before, before_hash, after_hash } = await this.snapshot(id);
      const now = await client.workflow(n8n.workflow_id);
      const hash = contentHash(now.workflow);
      if (hash === before_hash)
        return await this.step(claimed, done, { action: 'rolled_back', actor, notes: 'it was so already' });
      if (hash !== after_hash || now.unpublished) throw changedMeanwhile('rolled back');
      const back = await client.put(n8n.workflow_id, before, now.workflow);
      if (contentHash(back.workflow) !== before_hash)
        throw new Problem(502, 'n8n-differs', 'n8n has another workflow than the snapshot that was sent. Look at it there.');
      return await this.step(claimed, done, { action: 'rolled_back', actor });
    } catch (error) {
      await this.release(claimed, error);
      return toProblem(error);
    }
  }

  async reject(id: string, actor: string, notes?: string): Promise<Healing> {
    return this.step(await load(this.deps.mine, id), { status: 'rejected' }, { action: 'rejected', actor, notes });
  }

  /** The replay once more, on what is stored now; of a patch, on the workflow as it was and as it is planned or is now. */
  async verify(id: string): Promise<{ readonly healing: Healing; readonly since: Since }> {
    const healing = await load(this.deps.mine, id);
    const { subject } = await this.fixes(healing.body.detection_id);
    const { n8n, fix } = healing.body;
    let verification: Verification;
    if (n8n === null) verification = await this.replay(subject, fix as Fix);
    else {
      const client = await this.deps.n8n(n8n.connection_id);
      const now = (await client.workflow(n8n.workflow_id).catch(toProblem)).workflow;
      const done = healing.body.status === 'applied';
      const before = done ? (await this.snapshot(id)).before : now;
      const after = done ? now : this.patched(now, n8n).workflow;
      verification = this.compareDrawn(subject, fix.fix_type, before, after);
    }
    const said = { action: 'verified', actor: 'api', notes: verification.verdict };
    return {
      healing: await this.step(healing, { verification: copyOf(verification) }, said),
      since: await this.since(healing.body, subject),
    };
  }

  /** The same finding in comparable runs that began after the fix: the same name and framework. */
  private async since({ applied_ms: applied, trace_id }: Kept, subject: Subject): Promise<Since> {
    const none = { runs: 0, with_finding: 0, rollback_proposed: false };
    if (applied === null) return none;
    const trace = await this.deps.mine.trace(trace_id);
    if (trace === undefined) return none;
    const later = await this.deps.mine.traces({ framework: trace.framework ?? undefined, fromMs: applied }, { limit: 1_000 });
    const runs = later.items.filter((one) => one.name === trace.name && one.started_ms >= applied);
    const ids = new Set(runs.map((one) => one.trace_id));
    const found = await this.deps.mine.detections({ detector: subject.detector, fromMs: applied }, { limit: 1_000 });
    const hit = new Set(
      found.items.filter((one) => one.message === subject.message && ids.has(one.trace_id)).map((one) => one.trace_id),
    );
    return { runs: runs.length, with_finding: hit.size, rollback_proposed: hit.size > 0 };
  }

  private step(healing: Healing, change: Parameters<typeof step>[2], said: Said | undefined): Promise<Healing> {
    return step(this.deps.mine, healing, change, said, this.deps.nowMs);
  }

  private checkVerified({ body }: Healing, skip: boolean): void {
    if (skip || body.verification?.verdict === 'verified') return;
    const reason = body.verification?.reason ?? 'No replay was made.';
    throw new Problem(400, 'not-verified', `${reason} To apply it all the same send skip_verification: true.`);
  }

  /** Takes a place within the limits, and gives it back if what begins the change does not come about. */
  private async within(body: Pick<Kept, 'agent' | 'n8n'>, id: string, begin: () => Promise<Healing>): Promise<Healing> {
    const { mine, nowMs } = this.deps;
    const { policy } = await policyOf(mine);
    await reserve(mine, policy, { agent: body.agent, workflow: body.n8n?.workflow_id ?? null }, id, nowMs);
    try {
      return await begin();
    } catch (error) {
      await settle(mine, id, undefined);
      throw error;
    }
  }

  /** Writes the patch to n8n, of what is claimed and has its place. What was `in_progress` and cannot be applied is `failed`; what was staged stays so. */
  private async apply(claimed: Healing, said: Said, skipped: boolean): Promise<Healing> {
    const { id } = claimed.row;
    const { mine, nowMs } = this.deps;
    const n8n = claimed.body.n8n as NonNullable<Kept['n8n']>;
    let writing: Healing | undefined;
    try {
      const client = await this.deps.n8n(n8n.connection_id);
      const now = await client.workflow(n8n.workflow_id);
      const hash = contentHash(now.workflow);
      const written = await mine.document('healing-snapshot', id);
      let after: Workflow;
      if (written !== undefined && hash === (await this.snapshot(id)).after_hash) after = now.workflow;
      else {
        if (hash !== n8n.before_hash) throw changedMeanwhile('applied');
        if (now.unpublished)
          throw new Problem(
            409,
            'unpublished-changes',
            'The workflow has saved changes that are not published; a patch would publish them.',
          );
        after = this.patched(now.workflow, n8n).workflow;
        await this.keepSnapshot(id, n8n, now, after);
        writing = await this.step(claimed, {}, { action: 'writing', actor: said.actor });
        after = (await client.put(n8n.workflow_id, after, now.workflow)).workflow;
        if (contentHash(after) !== n8n.after_hash) {
          await client.put(n8n.workflow_id, now.workflow, after);
          throw new Problem(502, 'n8n-differs', 'n8n has made something else of the patch; the workflow was put back.');
        }
      }
      const notes = skipped && claimed.body.verification?.verdict !== 'verified' ? 'verification skipped' : (said.notes ?? null);
      const done = await this.step(
        writing ?? claimed,
        { status: 'applied', applied_ms: nowMs, busy_ms: null, error: null },
        { ...said, notes },
      );
      await settle(mine, id, true);
      return done;
    } catch (error) {
      // Only a change that was begun is a failed one: a limit or an edit meanwhile is none.
      if (writing !== undefined) await this.putBack(n8n, id);
      await settle(mine, id, writing === undefined ? undefined : false);
      await this.release(writing ?? claimed, error);
      return toProblem(error);
    }
  }

  /** After a write that failed: n8n may have saved it all the same (a key that may save and not publish). */
  private async putBack(n8n: NonNullable<Kept['n8n']>, id: string): Promise<void> {
    try {
      const client = await this.deps.n8n(n8n.connection_id);
      const { before, after_hash } = await this.snapshot(id);
      const now = await client.workflow(n8n.workflow_id);
      if (contentHash(now.workflow) === after_hash) await client.put(n8n.workflow_id, before, now.workflow);
    } catch {
      // The error that led here is the one that is told; `complete` says what n8n has.
    }
  }

  /** So that no second request begins the same change. */
  private async claim(healing: Healing): Promise<Healing> {
    const { busy_ms: busy } = healing.body;
    if (busy !== null && this.deps.nowMs - busy < CLAIM_MS)
      throw new Problem(409, 'busy', 'This healing is being changed. Read it again in a moment.', {
        headers: { 'retry-after': '5' },
      });
    return this.step(healing, { busy_ms: this.deps.nowMs }, undefined);
  }

  private async release(healing: Healing, error: unknown): Promise<void> {
    const message = error instanceof Error ? error.message : String(error);
    const failed = healing.body.status === 'in_progress' ? ({ status: 'failed' } as const) : {};
    const said = { action: 'failed', actor: 'misstep', notes: message };
    await this.step(healing, { ...failed, busy_ms: null, error: message }, said).catch(() => undefined);
  }

  private async keepSnapshot(id: string, n8n: NonNullable<Kept['n8n']>, now: InN8n, after: Workflow): Promise<void> {
    const body = {
      connection_id: n8n.connection_id,
      workflow_id: n8n.workflow_id,
      before: now.workflow,
      active: now.active,
      before_hash: contentHash(now.workflow),
      after_hash: contentHash(after),
    };
    // One that is there is of a try before, from the same state: the plan's hash was compared.
    await this.deps.mine.put('healing-snapshot', id, body, 0);
  }

  private async snapshot(id: string) {
    const row = await this.deps.mine.document('healing-snapshot', id);
    const { data } = snapshot.safeParse(row?.body);
    if (data === undefined) throw new Problem(409, 'no-snapshot', `There is no snapshot of the healing ${id}.`);
    return { ...data, before: readWorkflow(data.before) };
  }

  private async afterHash({ row, body }: Healing): Promise<string | undefined> {
    const found = snapshot.safeParse((await this.deps.mine.document('healing-snapshot', row.id))?.body).data;
    return found?.after_hash ?? body.n8n?.after_hash;
  }

  private async planN8n(subject: Subject, fix: Fix, connectionId: string, asked: Asked) {
    const answer = answers[`${subject.detector}.${subject.message}`]?.find(({ fixType }) => fixType === fix.fix_type);
    if (answer === undefined)
      throw new Problem(
        422,
        'no-patch',
        `No patch of an n8n workflow is '${fix.fix_type}' for '${subject.detector}.${subject.message}'; the fix is a proposal.`,
      );
    const client = await this.deps.n8n(connectionId);
    try {
      const workflowId = asked.workflow_id ?? (await this.workflowId(client, subject));
      const now = await client.workflow(workflowId);
      const given = Object.fromEntries(Object.entries(asked.options ?? {}).filter(([, value]) => value !== undefined));
      const options: PatchOptions = { ...defaultPatchOptions, ...given };
      const node = subject.data['node'];
      const what = { patch: answer.kind, node: typeof node === 'string' ? node : null, options };
      const { workflow, changes } = this.patched(now.workflow, what);
      const file = `${fileName(now.workflow.name)}.json`;
      const diff = unifiedDiff(file, pretty(now.workflow), pretty(workflow));
      return {
        verification: this.compareDrawn(subject, fix.fix_type, now.workflow, workflow),
        change: {
          file_path: file,
          language: 'json',
          original_code: pretty(partsOf(now.workflow, workflow)),
          suggested_code: pretty(partsOf(workflow, now.workflow)),
          start_line: null,
          end_line: null,
          description: changes.join(' '),
          diff,
        },
        n8n: {
          connection_id: connectionId,
          workflow_id: workflowId,
          workflow_name: now.workflow.name.slice(0, 200),
          ...what,
          options: { ...options },
          changes: [...changes],
          diff,
          before_hash: contentHash(now.workflow),
          after_hash: contentHash(workflow),
        },
      };
    } catch (error) {
      return toProblem(error);
    }
  }

  private patched(workflow: Workflow, n8n: Pick<NonNullable<Kept['n8n']>, 'patch' | 'node'> & { readonly options: object }) {
    try {
      return patch(n8n.patch, workflow, n8n.node ?? undefined, { error_workflow_id: undefined, ...n8n.options } as PatchOptions);
    } catch (error) {
      if (error instanceof NothingToPatch) throw new Problem(422, 'nothing-to-patch', error.message);
      throw error;
    }
  }

  /** The root of a run of n8n has the name of its workflow. */
  private async workflowId(client: N8n, subject: Subject): Promise<string> {
    const trace = await this.deps.mine.trace(subject.traceId);
    const ids = trace?.name == null ? [] : await client.named(trace.name);
    const [id] = ids;
    if (id !== undefined && ids.length === 1) return id;
    throw new Problem(422, 'which-workflow', `n8n has ${ids.length} workflows of the name of the run. Name one as workflow_id.`);
  }

  private compareDrawn(subject: Subject, fixType: string, before: Workflow, after: Workflow): Verification {
    const answer = answers[`${subject.detector}.${subject.message}`]?.find((one) => one.fixType === fixType);
    if (answer?.drawn !== true)
      return notVerifiable(
        'The finding is about a run, not about how the workflow is drawn; whether another run goes well is in no recording.',
      );
    const detector = this.detector(subject.detector);
    if (detector === undefined) return notVerifiable(`There is no detector '${subject.detector}' here.`);
    return compare(detector, [drawnStep(before)], [drawnStep(after)], subject, {
      model: 'The detector on the workflow as n8n has it, and on the workflow with the patch.',
      assumes: 'The finding is about how the workflow is drawn.',
    });
  }

  private async replay(subject: Subject, fix: Pick<Fix, 'fix_type'>): Promise<Verification> {
    const detector = this.detector(subject.detector);
    if (detector === undefined) return notVerifiable(`There is no detector '${subject.detector}' here.`);
    const rows = await this.window(subject.traceId, detector.meta.scope as string);
    if (rows === undefined) return notVerifiable(`The window has more than ${MOST_STEPS} steps.`);
    if (rows.steps.length === 0) return notVerifiable('The steps of the run are not stored.');
    return replay(detector, stepsOf(rows.steps, rows.trace?.session_id ?? null), subject, fix.fix_type);
  }

  /** The stored steps of a trace, or of all traces of its session; undefined if they are too many. */
  private async window(traceId: string, scope: string) {
    const { mine } = this.deps;
    const trace = await mine.trace(traceId);
    const session = trace?.session_id ?? undefined;
    let traces: readonly Pick<TraceRow, 'trace_id'>[] = [{ trace_id: traceId }];
    if (scope !== 'trace' && session !== undefined) {
      const page = await mine.traces({ session }, { limit: MOST_TRACES });
      if ((page.total ?? 0) > MOST_TRACES) return undefined;
      traces = page.items;
    }
    const steps: StepRow[] = [];
    for (const { trace_id } of traces) {
      steps.push(...(await mine.steps(trace_id, MOST_STEPS + 1)));
      if (steps.length > MOST_STEPS) return undefined;
    }
    return { trace, steps };
  }

  private detector(id: string): AnyDetector | undefined {
    return this.deps.catalogue.detector(id)?.detector as AnyDetector | undefined;
  }
}

export interface Since {
  readonly runs: number;
  readonly with_finding: number;
  readonly rollback_proposed: boolean;
}

const snapshot = z.object({
  connection_id: z.string(),
  workflow_id: z.string(),
  before: z.unknown(),
  active: z.boolean(),
  before_hash: z.string(),
  after_hash: z.string(),
});

function subjectOf(row: DetectionRow, framework: Framework): Subject {
  return {
    id: row.id,
    detector: row.detector,
    message: row.message,
    confidence: row.confidence,
    traceId: row.trace_id,
    spanId: row.span_id,
    agent: row.agent,
    data: row.data,
    framework,
  };
}

/** The one that is named; else, for n8n, one that is a patch; else the first. */
function chosen(fixes: readonly Fix[], subject: Subject, { fix_id: id, connection_id }: Asked): Fix {
  const patches = answers[`${subject.detector}.${subject.message}`] ?? [];
  const found =
    id !== undefined
      ? fixes.find((fix) => fix.id === id)
      : ((connection_id === undefined ? undefined : fixes.find((fix) => patches.some((one) => one.fixType === fix.fix_type))) ??
        fixes[0]);
  if (found === undefined) throw notFound(id === undefined ? 'fix for' : 'fix', id ?? `${subject.detector}.${subject.message}`);
  return found;
}

function copyOf(verification: Verification): NonNullable<Kept['verification']> {
  return { ...verification, said_without: [...verification.said_without], said_with: [...verification.said_with] };
}

function pretty(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Nodes and settings of one that the other does not have so. */
function partsOf(one: Workflow, other: Workflow): unknown {
  const there = new Set([...other.nodes, other.settings].map((part) => JSON.stringify(part)));
  const nodes = one.nodes.filter((node) => !there.has(JSON.stringify(node)));
  return { nodes, ...(there.has(JSON.stringify(one.settings)) ? {} : { settings: one.settings }) };
}

function fileName(name: string): string {
  return name.replaceAll(/[^\p{L}\p{N}._-]+/gu, '-').slice(0, 80) || 'workflow';
}

function changedMeanwhile(what: string): Problem {
  return new Problem(
    409,
    'workflow-changed',
    `The workflow was changed in n8n since it was read, so nothing is ${what}. Plan it again.`,
  );
}

/** What n8n or a workflow is to blame for, as an answer of this API. */
export function toProblem(error: unknown): never {
  if (error instanceof N8nError) {
    if (error.kind === 'not-allowed') throw new Problem(403, 'host-not-allowed', error.message);
    if (error.kind === 'not-found') throw new Problem(404, 'not-found', error.message);
    throw new Problem(502, `n8n-${error.kind}`, error.message);
  }
  if (error instanceof WorkflowError) throw new Problem(502, 'n8n-malformed', error.message);
  throw error;
}
