/** The states of a healing record and the only ways between them. */
export const statuses = ['pending', 'in_progress', 'staged', 'applied', 'failed', 'rolled_back', 'rejected'] as const;
export type Status = (typeof statuses)[number];

const next: Readonly<Record<Status, readonly Status[]>> = {
  pending: ['in_progress', 'rejected'],
  in_progress: ['applied', 'staged', 'failed'],
  staged: ['applied', 'rolled_back', 'rejected'],
  applied: ['rolled_back'],
  failed: [],
  rolled_back: [],
  rejected: [],
};

export class IllegalTransition extends Error {
  constructor(from: Status, to: Status) {
    const ways = next[from].length === 0 ? 'it is final' : `it may become ${next[from].join(', ')}`;
    super(`A healing that is ${from} cannot become ${to}: ${ways}.`);
    this.name = 'IllegalTransition';
  }
}

export function mayBecome(from: Status, to: Status): boolean {
  return next[from].includes(to);
}

export function isFinal(status: Status): boolean {
  return next[status].length === 0;
}

/** Throws `IllegalTransition` with the ways that are open. */
export function checkTransition(from: Status, to: Status): void {
  if (!mayBecome(from, to)) throw new IllegalTransition(from, to);
}
