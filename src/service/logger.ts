/**
 * Own logs on pino, to stderr: stdout is for data. `console` is for people, `json` for machines.
 * Logs mark changes of state; nothing is logged per item.
 */
import pino from 'pino';
import type { Level, Logger } from '../component/component.ts';
import { printable } from '../text/printable.ts';
import { redact } from '../text/redact.ts';

export interface LogOptions {
  readonly level: Level;
  readonly encoding: 'console' | 'json';
  /** Fields of every line. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

export interface RootLogger extends Logger {
  setLevel(level: Level): void;
  /** A logger whose lines carry these fields too. */
  child(fields: Readonly<Record<string, unknown>>): Logger;
}

/** `write` takes one line with its end; by default stderr, written at once so that a crash loses nothing. */
export function createLogger(
  options: LogOptions,
  write: (line: string) => void = (line) => process.stderr.write(line),
): RootLogger {
  const root = pino(
    {
      level: options.level,
      base: options.fields ?? {},
      messageKey: 'msg',
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: pino.stdSerializers.err },
    },
    // What a backend or a configuration says may hold a secret: the whole line is cleaned.
    {
      write:
        options.encoding === 'json' ? (line: string) => write(redact(line)) : (line: string) => write(consoleLine(redact(line))),
    },
  );
  return {
    ...wrap(root),
    setLevel(level) {
      root.level = level;
    },
    child: (fields) => wrap(root.child(fields)),
  };
}

function wrap(target: pino.Logger): Logger {
  return {
    log(level, message, fields) {
      target[level](fields ?? {}, message);
    },
  };
}

/** `2026-11-24T02:28:47.123Z info  Message {"field":1}`: the order the eye wants. */
function consoleLine(line: string): string {
  const { level, ts, msg, component, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const where = component === undefined ? '' : `${component}: `;
  const fields = Object.keys(rest).length === 0 ? '' : ` ${JSON.stringify(rest)}`;
  return `${printable(`${ts} ${String(level).padEnd(5)} ${where}${msg}${fields}`, true)}\n`;
}
