/**
 * One batch to several consumers. Batches are immutable, so nothing is copied.
 *
 * All must accept. If one refuses, the sender hears it and sends the batch again, so those that had accepted it see
 * it twice: at least once, as in the Collector. A refusal that may be repeated wins over one for good, which would
 * make the sender drop what the other consumer still wants.
 */
import { type Consumer, Permanent, Refused } from '../component/component.ts';

export function fanOut(consumers: readonly Consumer[]): Consumer {
  const [only] = consumers;
  if (consumers.length === 1 && only !== undefined) return only;
  return {
    get keepsIn() {
      return only !== undefined && consumers.every(({ keepsIn }) => keepsIn === only.keepsIn) ? only.keepsIn : undefined;
    },
    consume(batch) {
      let pending: Promise<void>[] | undefined;
      for (const consumer of consumers) {
        let answer: Promise<void> | undefined;
        try {
          answer = consumer.consume(batch);
        } catch (error) {
          answer = Promise.reject(error);
        }
        if (answer === undefined) continue;
        pending ??= [];
        pending.push(answer);
      }
      return pending === undefined ? undefined : allAccept(pending);
    },
  };
}

async function allAccept(pending: readonly Promise<void>[]): Promise<void> {
  const settled = await Promise.allSettled(pending);
  const errors = settled.filter((one) => one.status === 'rejected').map((one): unknown => one.reason);
  const [first] = errors;
  if (first === undefined) return;
  const refusals = errors.filter((error) => error instanceof Refused);
  const longest = refusals.reduce<Refused | undefined>(
    (most, one) => (most === undefined || one.retryAfterMs > most.retryAfterMs ? one : most),
    undefined,
  );
  // What is neither Refused nor Permanent is a fault of ours; it may be repeated too, so it goes before Permanent.
  throw longest ?? errors.find((error) => !(error instanceof Permanent)) ?? first;
}

/** A consumer whose target can be exchanged between two batches; what keeps a listener open over a reload. */
export interface Switch extends Consumer {
  target: Consumer;
}

export function createSwitch(target: Consumer): Switch {
  return {
    target,
    consume(batch) {
      return this.target.consume(batch);
    },
  };
}
