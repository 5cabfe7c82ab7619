/** Starting and stopping components in order; used by the start, the end and the reload. */
import { ComponentError, type Graph, type Node } from './graph.ts';
import type { Core } from './host.ts';

/** A component that does not return after the grace is over is left behind after this. */
export const AFTER_ABORT_MS = 1000;

export async function startAll(nodes: readonly Node[], core: Core): Promise<void> {
  for (const node of nodes) {
    node.shell.claim();
    node.shell.host.status({ state: 'starting' });
    try {
      await node.component.start(node.shell.host);
    } catch (error) {
      throw new ComponentError(node.key, error);
    }
    if (node.shell.last.state === 'starting') node.shell.host.status({ state: 'ok' });
    core.logger.log('debug', `${node.key} started.`);
  }
}

export async function stopGraph(graph: Graph, core: Core, signal: AbortSignal): Promise<void> {
  await Promise.all(graph.receivers.map((node) => stop(node, core, signal)));
  await stopInOrder(graph.inner, core, signal);
}

/** Each before what it feeds; exporters, which feed nobody, all at once. */
export async function stopInOrder(nodes: readonly Node[], core: Core, signal: AbortSignal): Promise<void> {
  for (const node of nodes.toReversed()) if (node.kind !== 'exporter') await stop(node, core, signal);
  await Promise.all(nodes.filter((node) => node.kind === 'exporter').map((node) => stop(node, core, signal)));
}

export async function stop(node: Node, core: Core, signal: AbortSignal): Promise<void> {
  try {
    const returned = await beforeLong(node.component.shutdown(signal), signal);
    if (!returned) core.logger.log('error', `${node.key} did not stop in time and is left behind.`);
  } catch (error) {
    core.logger.log('error', `${node.key} failed while it stopped.`, { error });
  }
  node.shell.host.status({ state: 'stopped' });
  node.shell.close();
}

/** True when `work` settles before `AFTER_ABORT_MS` after the abort. */
async function beforeLong(work: Promise<void>, signal: AbortSignal): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const late = new Promise<boolean>((resolve) => {
    onAbort = () => {
      timer = setTimeout(() => resolve(false), AFTER_ABORT_MS);
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  }
}
