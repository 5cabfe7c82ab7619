/**
 * Plays the runs of a pack through `misstep replay`, the command that users run: what is scored is what is shipped.
 * Several processes at once; nothing is kept between runs, so no figure can be stale.
 */
import { spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { availableParallelism } from 'node:os';
import { relative } from 'node:path';
import { type Pack, type Task, tasksOf } from './pack.ts';
import type { Predictions } from './predictions.ts';

export interface PlayOptions {
  /** `misstep.js` of the build to measure. */
  readonly command: string;
  readonly processes?: number;
  /** Also write every line to this file. */
  readonly keep?: string;
  readonly onSet?: (set: string, seconds: number) => void;
}

/** Returns what could not be played, as sentences; empty if all was. */
export async function play(pack: Pack, predictions: Predictions, options: PlayOptions): Promise<string[]> {
  const queue = pack.sets.flatMap((set) => tasksOf(pack, set)).sort((a, b) => b.bytes - a.bytes);
  const left = new Map<string, { tasks: number; seconds: number }>();
  for (const { set } of queue) left.set(set, { tasks: (left.get(set)?.tasks ?? 0) + 1, seconds: 0 });
  const keep = options.keep === undefined ? undefined : createWriteStream(options.keep);
  const problems: string[] = [];
  const worker = async (): Promise<void> => {
    for (let task = queue.shift(); task; task = queue.shift()) {
      const started = performance.now();
      problems.push(...(await playTask(pack, task, predictions, options, keep)));
      const set = left.get(task.set) as { tasks: number; seconds: number };
      set.tasks--;
      set.seconds += (performance.now() - started) / 1000;
      if (set.tasks === 0) options.onSet?.(task.set, set.seconds);
    }
  };
  await Promise.all(Array.from({ length: options.processes ?? availableParallelism() }, worker));
  if (keep) await new Promise<void>((resolve) => keep.end(resolve));
  return [...new Set(problems)].sort();
}

function playTask(
  pack: Pack,
  { format, files }: Task,
  predictions: Predictions,
  { command }: PlayOptions,
  keep: WriteStream | undefined,
): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const flags = ['replay', '--format', format, '--blame', '--timing', '--output', 'jsonl'];
    const child = spawn(process.execPath, [command, ...flags, ...files], { stdio: ['ignore', 'pipe', 'pipe'] });
    let rest = '';
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        predictions.add(line);
        keep?.write(`${line}\n`);
      }
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      const first = said.trim().split('\n')[0] ?? '';
      const where = `${relative(pack.root, files[0] ?? '')} (${format})`;
      if (code === 0 && first === '') resolve([]);
      else resolve([`${where}: ${first === '' ? `ended with ${code}` : first}`]);
    });
  });
}
