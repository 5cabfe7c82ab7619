/** Who makes the steps: what `misstep connect --check` names. */

/** More kinds of programs than one misstep usually stands beside; what comes after them is not named. */
const MAX_SOURCES = 16;
/** Names come from the wire. */
const MAX_CHARACTERS = 200;

/** Those of the first step that came of it. */
export interface Source {
  readonly service: string | null;
  readonly scope: string;
  readonly dialects: readonly string[];
}

/** A step has them, and a `Source`. */
interface Of {
  readonly service: string | null | undefined;
  readonly scope: string;
  readonly dialects: readonly string[];
}

/** Every pair of service and scope, in order of its first step. */
export class Sources {
  private list: readonly Source[] = [];

  /** Another array when there is a new one. */
  get all(): readonly Source[] {
    return this.list;
  }

  add({ service, scope, dialects }: Of): void {
    const name = scope.length > MAX_CHARACTERS ? scope.slice(0, MAX_CHARACTERS) : scope;
    const of = service?.slice(0, MAX_CHARACTERS) ?? null;
    for (const one of this.list) if (one.scope === name && one.service === of) return;
    if (this.list.length < MAX_SOURCES) this.list = [...this.list, { service: of, scope: name, dialects: [...dialects] }];
  }
}
