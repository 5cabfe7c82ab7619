import { totalmem } from 'node:os';

/** Bytes that this process may have: what its cgroup gives, if that is less than the machine has. Node says 0, or more than there is, where nothing limits it. */
export function memoryAllowed(): { readonly bytes: number; readonly cgroup: boolean } {
  const constrained = process.constrainedMemory();
  const cgroup = constrained > 0 && constrained < totalmem();
  return { bytes: cgroup ? constrained : totalmem(), cgroup };
}
