import { expect, test } from 'vitest';
import { loadConfig } from '../../config/load.ts';
import { factories } from '../components.ts';
import { describe as listed, yaml } from './components.ts';

test('every factory is listed under its kind, once', async () => {
  const groups = (await listed()) as Record<string, { name: string }[]>;
  for (const { kind, type } of factories) expect(groups[`${kind}s`]?.filter(({ name }) => name === type)).toHaveLength(1);
  const names = factories.map(({ kind, type }) => `${kind} ${type}`);
  expect(new Set(names).size).toBe(names.length);
});

test('the YAML says what the JSON says', async () => {
  const list = await listed();
  expect(loadConfig({ files: ['env:LIST'], sets: [], env: { LIST: yaml(list, '') }, cwd: '.' }).tree).toEqual(list);
});
