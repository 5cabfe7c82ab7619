import { expect, test } from 'vitest';
import { Secret } from '../../config/secret.ts';
import { createLogger, type LogOptions } from './logger.ts';

function logger(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  return { lines, log: createLogger({ level: 'info', encoding: 'console', ...options }, (line) => lines.push(line)) };
}

test('console lines are time, level, component, message, fields', () => {
  const { lines, log } = logger();
  log.child({ component: 'exporter:otlp_http' }).log('warn', 'The queue is full.', { size: 3 });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z warn {2}exporter:otlp_http: The queue is full\. \{"size":3\}\n$/);
});

test('json lines are JSON, with errors and their causes and without secrets', () => {
  const { lines, log } = logger({ encoding: 'json', fields: { region: 'x' } });
  log.log('error', 'It failed.', { error: new Error('outer', { cause: new Error('inner') }), token: new Secret('hush') });
  const line = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  expect(line).toMatchObject({ level: 'error', msg: 'It failed.', region: 'x', token: '[REDACTED]' });
  expect(lines[0]).toContain('outer: inner');
  expect(lines[0]).not.toContain('hush');
});

test('what is below the level is not written, also after the level has changed', () => {
  const { lines, log } = logger({ level: 'warn' });
  const child = log.child({ component: 'x' });
  child.log('info', 'One.');
  log.setLevel('debug');
  log.log('debug', 'Two.');
  child.log('debug', 'Three.');
  expect(lines.map((line) => line.trim().split(/\s+/).at(-1))).toEqual(['Two.', 'Three.']);
});
