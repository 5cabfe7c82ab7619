/**
 * Files of the user, for diffs that are only proposed. They are read under one root that the configuration names, for the tenants that it
 * names; nothing is ever written there.
 *
 * Of what is refused the answer does not say what is at that path: who may ask for fixes shall not learn what else is on this machine.
 */
import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { SourceFile } from '../../src/healing/source/fix.ts';
import { Problem } from './problem.ts';

export interface Sources {
  readonly root: string;
  readonly tenants: readonly string[];
}

/** 5,000 lines; what is longer is no file that a person reads a diff of. */
const MOST_BYTES = 256 * 1024;
const PATH = /^(?:[^/\\\p{Cc}]+\/)*[^/\\\p{Cc}]+\.py$/u;

/** `path` is relative to the root, with `/`. Throws a `Problem`. */
export async function readSource(sources: Sources | undefined, tenant: string, path: string): Promise<SourceFile> {
  if (sources === undefined || !sources.tenants.includes(tenant)) {
    throw new Problem(409, 'no-sources', 'Files are read only for tenants that `sources` of the extension `api` names.');
  }
  const parts = path.split('/');
  if (!PATH.test(path) || path.length > 1_000 || parts.some((part) => part === '..' || part === '.')) {
    throw new Problem(422, 'not-valid', '`file` must name a Python file under the root, as src/agent.py, without `..`.');
  }
  const bytes = await read(sources.root, path);
  if (bytes.length > MOST_BYTES) throw new Problem(422, 'too-large', `The file is longer than ${MOST_BYTES} bytes.`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw noText();
  }
  if (text.includes('\0')) throw noText();
  return { path, text };
}

/** At most a byte more than may be. A path that is not what it says, by a link at any place of it, is not there. */
async function read(root: string, path: string): Promise<Buffer> {
  const missing = () => new Problem(404, 'not-found', 'There is no such file under the root.');
  try {
    const top = await realpath(root);
    const full = join(top, path);
    // Neither a link at its end nor a pipe that nobody writes to is waited for.
    const file = await open(full, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      if (!(await file.stat()).isFile() || (await realpath(full)) !== full) throw missing();
      const buffer = Buffer.alloc(MOST_BYTES + 1);
      let length = 0;
      for (;;) {
        const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
        length += bytesRead;
        if (bytesRead === 0 || length === buffer.length) return buffer.subarray(0, length);
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    throw error instanceof Problem ? error : missing();
  }
}

function noText(): Problem {
  return new Problem(422, 'not-text', 'The file is no text in UTF-8.');
}
