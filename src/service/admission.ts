/** Admission by bytes over all receivers: known sizes are counted before a body is read. */
import type { Admission } from '../component/component.ts';

/** Long enough for a queue to move on, short enough that a client does not fill its own. */
const RETRY_AFTER_MS = 1000;

/** `queued` = bytes in the exporters' queues, which admission has already let go. */
export function createAdmission(queued: () => number): Admission {
  const limits = new Map<object, number>();
  let admitted = 0;
  let ceiling = Number.POSITIVE_INFINITY;
  return {
    admit(bytes) {
      if (admitted + queued() + bytes > ceiling) return { retryAfterMs: RETRY_AFTER_MS };
      admitted += bytes;
      return undefined;
    },
    release(bytes) {
      admitted = Math.max(0, admitted - bytes);
    },
    get held() {
      return admitted + queued();
    },
    get filled() {
      return ceiling === Number.POSITIVE_INFINITY ? 0 : ceiling <= 0 ? 1 : Math.min(1, (admitted + queued()) / ceiling);
    },
    limit(owner, bytes) {
      if (bytes === undefined) limits.delete(owner);
      else limits.set(owner, bytes);
      ceiling = Math.min(Number.POSITIVE_INFINITY, ...limits.values());
    },
  };
}
