// What an embedding costs: `node dist/bench/embedding.js [rounds]` after a build. Minimum of the rounds, CPU time.
import { readFileSync } from 'node:fs';
import { cosine, type Embedding, embed, MAX_TOKENS, provideEmbedding } from '../src/text/embedding.ts';
import { WordPiece } from '../src/text/wordpiece.ts';

const rounds = Number(process.argv[2] ?? 15);
const file = new URL('../src/text/embedding.bin', import.meta.url);

const before = performance.now();
provideEmbedding(() => readFileSync(file));
embed('load');
console.log(`load, first embed included ${(performance.now() - before).toFixed(1).padStart(26)} ms`);

const bytes = readFileSync(file);
const wordPiece = new WordPiece(
  bytes
    .subarray(12 + 132 * bytes.readUInt32LE(4))
    .toString()
    .split('\n'),
);

// Prose of this repository, cut into messages of 600 characters.
const prose = ['README.md', 'CONTRIBUTING.md', 'docs/architecture.md', 'docs/scenarios.md', 'docs/normalisation.md']
  .map((name) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8'))
  .join('\n');
const messages = Array.from({ length: Math.floor(prose.length / 600) }, (_, i) => prose.slice(i * 600, i * 600 + 600));

const sets: readonly (readonly [string, readonly string[]])[] = [
  ['prose, ASCII', messages.map((text) => text.replace(/[^\n\x20-\x7e]/g, '-'))],
  ['prose with accents and typographic quotes', messages.map((text) => `“${text.replaceAll('e', 'é')}”`)],
  ['Chinese', messages.map((_, i) => '检测代理运行出错的步骤并报告原因'.repeat(40).slice(i % 13))],
  ['hostile: long words that almost match', messages.map((_, i) => `${'interna'.repeat(14).slice(i % 7)} `.repeat(40))],
];
for (const [name, texts] of sets) {
  const tokens = texts.reduce((sum, text) => sum + wordPiece.tokens(text.slice(0, 2_048), MAX_TOKENS).length, 0);
  const split = measure(() => {
    for (const text of texts) wordPiece.tokens(text.slice(0, 2_048), MAX_TOKENS);
  });
  const all = measure(() => {
    for (const text of texts) embed(text);
  });
  const each = (tokens / texts.length).toFixed(0);
  console.log(
    `${name.padEnd(44)} ${((all * 100) / tokens).toFixed(1).padStart(6)} us/100 tokens, of it WordPiece ${((split * 100) / tokens).toFixed(1)}` +
      ` (${each} tokens a message, ${(all / texts.length).toFixed(1)} us a message)`,
  );
}
const vectors = messages.map((text) => embed(text) as Embedding);
let sum = 0;
const pairs = measure(() => {
  for (const a of vectors) for (const b of vectors) sum += cosine(a, b);
});
console.log(
  `${'cosine'.padEnd(44)} ${(pairs / vectors.length ** 2).toFixed(3).padStart(6)} us (mean ${(sum / (rounds * vectors.length ** 2)).toFixed(2)})`,
);

/** CPU µs of one call, the least of the rounds. */
function measure(work: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const start = process.cpuUsage();
    work();
    const used = process.cpuUsage(start);
    best = Math.min(best, used.user + used.system);
  }
  return best;
}
