/** The pages of the documentation: which there are, in which order, and what is wrong with their links. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Built, build, type Section, type Source } from './page.ts';

/** Beside docs/. */
const OUTSIDE = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md'];
const INDEX = 'docs/README.md';

export interface Site {
  readonly pages: ReadonlyMap<string, Built>;
  /** Sentences, each with its file. */
  readonly problems: readonly string[];
}

export function readSite(root: string): Site {
  const sources = new Map<string, Source>();
  const found = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) => join('docs', name));
  for (const path of [...OUTSIDE, ...found.filter((name) => name.endsWith('.md')).sort()])
    sources.set(path, { path, text: readFileSync(join(root, path), 'utf8') });
  const titled = (path: string): string => /^# (.*)$/m.exec(sources.get(path)?.text ?? '')?.[1] ?? path;
  const sections = sectionsOf(sources.get(INDEX)?.text ?? '', [...sources.keys()], titled);
  const pages = new Map([...sources].map(([path, source]) => [path, build(source, sections, (to) => sources.has(to))]));
  return { pages, problems: [...linkProblems(root, pages), ...unlisted(sections, [...sources.keys()])] };
}

/**
 * The index has a heading for each section and links to its pages. A link to a folder, or to the README.md of one, brings all pages of the
 * folder.
 */
export function sectionsOf(index: string, paths: readonly string[], titled: (path: string) => string): Section[] {
  const sections: { title: string; pages: { title: string; path: string }[] }[] = [];
  for (const line of index.split('\n')) {
    const heading = /^## (.*)$/.exec(line)?.[1];
    if (heading !== undefined) sections.push({ title: heading, pages: [] });
    for (const [, title = '', href = ''] of line.matchAll(/\[([^\]]+)\]\(([^)#]+)\)/g)) {
      const path = join('docs', href);
      const folder = path.replace(/\/?(README\.md)?$/, '');
      const pages = sections.at(-1)?.pages;
      if (pages === undefined) continue;
      if (paths.includes(path)) pages.push({ title, path });
      if (path.endsWith('README.md') || !path.endsWith('.md')) {
        const inside = paths.filter((one) => one.startsWith(`${folder}/`) && !one.endsWith('README.md'));
        if (folder !== '' && folder !== '.') pages.push(...inside.map((one) => ({ title: titled(one), path: one })));
      }
    }
  }
  return sections;
}

function linkProblems(root: string, pages: ReadonlyMap<string, Built>): string[] {
  const problems: string[] = [];
  for (const [path, { links, images }] of pages) {
    for (const image of images) if (!existsSync(join(root, image))) problems.push(`${path}: there is no picture ${image}.`);
    for (const { to, anchor } of links) {
      if (!existsSync(join(root, to))) problems.push(`${path}: the link goes to ${to}, which is not there.`);
      const page = pages.get(to) ?? pages.get(join(to, 'README.md'));
      if (anchor !== '' && page !== undefined && !page.anchors.has(anchor))
        problems.push(`${path}: ${to} has no heading #${anchor}.`);
    }
  }
  return problems;
}

function unlisted(sections: readonly Section[], paths: readonly string[]): string[] {
  const listed = new Set(sections.flatMap(({ pages }) => pages.map(({ path }) => path)));
  return paths.filter((path) => path !== INDEX && !listed.has(path)).map((path) => `${INDEX}: ${path} is listed nowhere.`);
}
