// The rooms of DESIGN §3: the tree keeps them, and the checker sees a planted violation of every rule.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, describe as suite, test } from 'vitest';
import { checkRooms, describe, importsOf, type Rooms, readModules } from './scripts/rooms.ts';

const root = fileURLToPath(new URL('.', import.meta.url));
const rooms = JSON.parse(readFileSync(`${root}rooms.json`, 'utf8')) as Rooms;

test('the tree keeps its rooms', () => {
  const modules = readModules(rooms, root);
  const imports = modules.reduce((sum, module) => sum + importsOf(module.text).length, 0);
  expect(modules.length).toBeGreaterThan(10);
  expect(imports).toBeGreaterThan(10);
  expect(checkRooms(rooms, modules).map(describe)).toEqual([]);
});

suite('a planted violation is seen', () => {
  test.each([
    ['floor', 'src/otlp/span.ts', `import { detect } from '../../processors/detect/detect.ts';`],
    ['floor', 'config/field.ts', `import type { Step } from '../src/step/step.ts';`],
    ['floor', 'processors/detect/detect.ts', `import { all } from '../../bin/components.ts';`],
    ['floor', 'processors/detect/detect.test.ts', `import { all } from '../../bin/components.ts';`],
    ['neighbour', 'processors/detect/detect.ts', `import { x } from '../batch/batch.ts';`],
    ['neighbour', 'processors/detect/detect.test.ts', `import { x } from '../../receivers/otlp/http.ts';`],
    ['neighbour', 'detectors/execution/loop.ts', `import { x } from '../planning/workflow.ts';`],
    ['neighbour', 'bench/run.ts', `import { x } from '../eval/score.ts';`],
    ['src-order', 'src/otlp/span.ts', `import type { SpanBatch } from '../batch/batch.ts';`],
    ['src-order', 'src/detector/host.ts', `import type { Component } from '../component/component.ts';`],
    ['homeless', 'src/errors.ts', `import { x } from './otlp/error.ts';`],
    ['detector', 'detectors/execution/loop.ts', `import { KeyedWindows } from '../../src/window/keyed.ts';`],
    ['package', 'detectors/execution/loop.ts', `import { Subject } from 'rxjs';`],
    ['package', 'src/batch/batch.ts', `import { LRUCache } from 'lru-cache';`],
    ['package', 'src/otlp/span.ts', `import * as api from '@opentelemetry/api';`],
    ['package', 'src/otlp/span.ts', `import { test } from 'vitest';`],
    ['node', 'detectors/execution/loop.ts', `import { createHash } from 'node:crypto';`],
    ['node', 'src/otlp/span.ts', `import { gunzipSync } from 'zlib';`],
    ['outside', 'src/otlp/span.ts', `import x from '../../elsewhere/x.ts';`],
  ] as const)('%s: %s %s', (rule, path, text) => {
    expect(checkRooms(rooms, [{ path, text }])).toMatchObject([{ path, line: 1, rule }]);
  });
});

suite('an allowed import is not', () => {
  test.each([
    ['src/otlp/span.ts', `import protobuf from 'protobufjs/minimal.js';`],
    ['src/otlp/span.test.ts', `import fc from 'fast-check';\nimport { readFileSync } from 'node:fs';`],
    ['src/batch/batch.ts', `import { Span } from '../otlp/span.ts';`],
    ['src/index.ts', `export { x } from './service/service.ts';`],
    [
      'detectors/execution/loop.ts',
      `import { y } from './rows.ts';\nimport { defineDetector } from '../../src/detector/detector.ts';`,
    ],
    ['detectors/execution/loop.test.ts', `import { testDetector } from '../../src/detector/testing/tester.ts';`],
    ['detectors/scenarios.test.ts', `import loop from './execution/loop.ts';\nimport { all } from '../bin/detectors.ts';`],
    ['processors/detect/detect.ts', `import { z } from 'zod';\nimport { x } from '../../src/detector/host.ts';`],
    ['bin/misstep.ts', `import { evaluate } from '../eval/score.ts';\nimport { Command } from 'commander';`],
  ])('%s: %s', (path, text) => {
    expect(checkRooms(rooms, [{ path, text }])).toEqual([]);
  });
});

test('every form of import is read, comments and strings are not', () => {
  const text = [
    `import a from './a.ts';`,
    `import type { B } from './b.ts';`,
    'import {\n  c,\n  d,\n} from "./c.ts";',
    `export type { E } from './e.ts';`,
    `export * from './f.ts';`,
    `import './g.ts';`,
    `const h = await import('./h.ts');`,
    `type I = import('./i.ts').I;`,
    `import j from './j.json' with { type: 'json' };`,
    `// import k from './k.ts';`,
    `/*\nimport l from './l.ts';\n*/`,
    `export const m = 'from';`,
    `export function n() { return 'import'; }`,
    `export { o };`,
  ].join('\n');
  expect(importsOf(text)).toEqual([
    { specifier: './a.ts', line: 1 },
    { specifier: './b.ts', line: 2 },
    { specifier: './c.ts', line: 6 },
    { specifier: './e.ts', line: 7 },
    { specifier: './f.ts', line: 8 },
    { specifier: './g.ts', line: 9 },
    { specifier: './h.ts', line: 10 },
    { specifier: './i.ts', line: 11 },
    { specifier: './j.json', line: 12 },
  ]);
});
