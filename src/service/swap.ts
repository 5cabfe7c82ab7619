/** The reload: one graph in the place of another without closing what did not change. */
import { connect, type Graph, type Node, type ReceiverNode } from './graph.ts';
import type { Core } from './host.ts';
import { startAll, stop, stopInOrder } from './lifecycle.ts';

/** What leaves by a reload has this long to hand on what it holds; meanwhile the new graph already works. */
const PATIENCE_MS = 10_000;

/**
 * Puts `fresh` in the place of `old`. The order matters: the new inner components work before any batch can reach them;
 * listeners that go are closed before those that come are opened, because they may share a port; on failure all of it is
 * taken back.
 */
export async function swap(old: Graph, fresh: Graph, core: Core): Promise<void> {
  const arrivingInner = without(fresh.inner, old.inner);
  const leavingInner = without(old.inner, fresh.inner);
  const arriving = without(fresh.receivers, old.receivers) as ReceiverNode[];
  const leaving = without(old.receivers, fresh.receivers) as ReceiverNode[];
  const patience = AbortSignal.timeout(PATIENCE_MS);
  try {
    await startAll(arrivingInner, core);
  } catch (error) {
    await stopInOrder(arrivingInner, core, patience);
    for (const node of leavingInner) node.shell.claim();
    throw error;
  }
  await Promise.all(leaving.map((node) => stop(node, core, patience)));
  adopt(arrivingInner, leavingInner);
  connect(fresh);
  try {
    await startAll(arriving, core);
  } catch (error) {
    await Promise.all(arriving.map((node) => stop(node, core, patience)));
    adopt(leavingInner, arrivingInner);
    connect(old);
    for (const node of [...leavingInner, ...leaving]) node.shell.claim();
    await restart(leaving, core);
    await stopInOrder(arrivingInner, core, patience);
    throw error;
  }
  await stopInOrder(leavingInner, core, patience);
}

/** Opens again the listeners that were closed for a reload that failed. */
async function restart(receivers: readonly ReceiverNode[], core: Core): Promise<void> {
  for (const node of receivers) {
    try {
      node.component = node.create();
      await startAll([node], core);
    } catch (error) {
      node.shell.host.status({ state: 'failing', reason: `It could not be started again after a failed reload: ${text(error)}` });
      core.logger.log('error', `${node.key} could not be started again after a failed reload.`, { error });
    }
  }
}

/** State goes from each component to the one of the same id and pipeline. */
function adopt(heirs: readonly Node[], former: readonly Node[]): void {
  for (const heir of heirs) {
    const before = former.find((node) => node.key === heir.key && node.source.factory === heir.source.factory);
    if (before !== undefined) heir.component.adopt?.(before.component);
  }
}

function without(nodes: readonly Node[], others: readonly Node[]): Node[] {
  return nodes.filter((node) => !others.includes(node));
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
