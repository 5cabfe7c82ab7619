import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkSchema, fitsNothing } from './check.ts';

const user = {
  type: 'object',
  required: ['name'],
  properties: {
    name: { type: 'string', minLength: 1 },
    age: { type: 'integer', minimum: 0, maximum: 150 },
    kind: { enum: ['a', 'b'] },
    tags: { type: 'array', items: { type: 'string' }, maxItems: 3 },
    place: { $ref: '#/$defs/place' },
  },
  $defs: { place: { type: 'object', required: ['city'], properties: { city: { type: 'string' } }, additionalProperties: false } },
};

const kinds = (schema: unknown, value: unknown, closed = false) =>
  checkSchema(schema, value, { closed }).violations.map(({ kind, path }) => `${kind} ${path}`);

describe('checkSchema', () => {
  it.each([
    [{ name: 'x' }, []],
    [{}, ['required name']],
    [{ name: 7 }, ['type name']],
    [{ name: '', age: 151 }, ['bound name', 'bound age']],
    [{ name: 'x', age: 1.5 }, ['type age']],
    [{ name: 'x', kind: 'c' }, ['enum kind']],
    [{ name: 'x', tags: ['a', 1] }, ['type tags.1']],
    [{ name: 'x', tags: ['a', 'b', 'c', 'd'] }, ['bound tags']],
    [{ name: 'x', place: { city: 'y', zip: 1 } }, ['unknown place.zip']],
    [{ name: 'x', extra: 1 }, []],
    ['text', ['type ']],
    [null, ['type ']],
  ])('%j', (value, expected) => expect(kinds(user, value)).toEqual(expected));

  it('treats listed properties as all there are where that is asked for', () => {
    expect(kinds(user, { name: 'x', extra: 1 }, true)).toEqual(['unknown extra']);
    expect(kinds({ type: 'object', properties: {}, additionalProperties: true }, { extra: 1 }, true)).toEqual([]);
    expect(kinds({ type: 'object' }, { extra: 1 }, true)).toEqual([]);
  });

  it('says what was asked for and what stands there, shortly', () => {
    const { violations } = checkSchema(user, { name: 'x', kind: 'long '.repeat(50) });
    expect(violations[0]).toEqual({ kind: 'enum', path: 'kind', expected: 'one of a, b', seen: expect.stringMatching(/…$/) });
  });

  it('knows variants', () => {
    const schema = { anyOf: [{ type: 'string' }, { type: 'null' }] };
    expect(kinds(schema, null)).toEqual([]);
    expect(kinds(schema, 1)).toEqual(['variant ']);
    expect(kinds({ oneOf: [{ type: 'number' }, { type: 'integer' }] }, 1)).toEqual(['variant ']);
  });

  it.each([
    ['a reference to itself', { $ref: '#' }],
    ['references in a circle', { $ref: '#/a', a: { $ref: '#/b' }, b: { $ref: '#/a' } }],
    ['a reference elsewhere', { $ref: 'https://example.com/schema' }],
    ['no schema', 'object'],
    ['nothing', undefined],
  ])('does not judge by %s', (_, schema) => expect(checkSchema(schema, { a: 1 })).toEqual({ violations: [], complete: false }));

  it('ends on variants of variants', () => {
    let schema: unknown = { type: 'string' };
    for (let i = 0; i < 20; i++) schema = { anyOf: [schema, schema, schema] };
    expect(checkSchema(schema, 1).complete).toBe(false);
  });

  it('does not fall for inherited names', () => {
    const schema = { type: 'object', required: ['constructor'], properties: {}, additionalProperties: false };
    expect(kinds(schema, { toString: 1 })).toEqual(['required constructor', 'unknown toString']);
  });

  it('agrees with ajv on generated schemas and values', () => {
    const ajv = new Ajv({ strict: false, validateSchema: false, logger: false });
    const name = fc.constantFrom('a', 'b', 'c');
    const scalar = fc.oneof(
      fc.integer({ min: -3, max: 8 }),
      fc.constantFrom('', 'a', 'ab', 'abc'),
      fc.boolean(),
      fc.constant(null),
      fc.constant(1.5),
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        scalar,
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(name, tie('value'), { maxKeys: 3 }),
      ),
    }));
    const type = fc.constantFrom('string', 'number', 'integer', 'boolean', 'null', 'array', 'object');
    const { schema } = fc.letrec((tie) => ({
      schema: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.record({ type: fc.oneof(type, fc.uniqueArray(type, { minLength: 1, maxLength: 3 })) }),
        fc.record({ enum: fc.uniqueArray(scalar, { minLength: 1, maxLength: 3 }) }),
        fc.record({ const: scalar }),
        fc.record({ minimum: fc.integer({ min: -2, max: 4 }), exclusiveMaximum: fc.integer({ min: 2, max: 8 }) }),
        fc.record({ minLength: fc.integer({ min: 0, max: 2 }), maxLength: fc.integer({ min: 1, max: 3 }) }),
        fc.record({ items: tie('schema'), minItems: fc.integer({ min: 0, max: 2 }), maxItems: fc.integer({ min: 1, max: 3 }) }),
        fc.record(
          {
            properties: fc.dictionary(name, tie('schema'), { maxKeys: 3 }),
            required: fc.uniqueArray(name, { maxLength: 2 }),
            additionalProperties: fc.oneof(fc.boolean(), tie('schema')),
          },
          { requiredKeys: ['properties'] },
        ),
        fc.record({ anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }) }),
        fc.record({ oneOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }) }),
        fc.record({ allOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }) }),
      ),
    }));
    fc.assert(
      fc.property(schema, value, (one, of) => {
        const ours = checkSchema(one, of);
        if (ours.complete) expect(ours.violations.length === 0).toBe(ajv.validate(one as object, of));
      }),
      { seed: 7, numRuns: 3_000 },
    );
  });
});

describe('fitsNothing', () => {
  const closed = { type: 'object', properties: { url: { type: 'string' } }, additionalProperties: false };
  it.each([
    ['a name in quotes', { ...closed, required: ["'url'"] }, true],
    ['no properties', { required: ['url'], additionalProperties: false }, true],
    ['what is required is listed', { ...closed, required: ['url'] }, false],
    ['an open schema', { ...closed, required: ['depth'], additionalProperties: true }, false],
    ['names by a pattern', { ...closed, required: ['x-depth'], patternProperties: { '^x-': {} } }, false],
    ['nothing is required', closed, false],
    ['no schema', 'object', false],
  ])('%s', (_, schema, expected) => expect(fitsNothing(schema)).toBe(expected));
});
