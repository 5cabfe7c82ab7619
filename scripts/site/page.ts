/** A page of Markdown as HTML, in the frame of the site. No scripts, nothing from elsewhere: it can be read from a folder. */
import { posix } from 'node:path';
import { Marked, type Tokens } from 'marked';

export interface Source {
  /** From the root of the repository: `docs/rules.md`. */
  readonly path: string;
  readonly text: string;
}

export interface Section {
  readonly title: string;
  readonly pages: readonly { readonly title: string; readonly path: string }[];
}

export interface Built {
  readonly title: string;
  readonly html: string;
  /** Anchors of its headings. */
  readonly anchors: ReadonlySet<string>;
  /** Relative links, as files of the repository with their anchor. */
  readonly links: readonly { readonly to: string; readonly anchor: string }[];
  /** Pictures, as files of the repository. */
  readonly images: readonly string[];
}

/** As GitHub names the anchors of headings: letters, digits, `-` and `_` of the small text, spaces as `-`. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');
}

/** `isPage`: whether a file of the repository is a page of the site; other files are named and not linked. */
export function build({ path, text }: Source, sections: readonly Section[], isPage: (path: string) => boolean): Built {
  const anchors = new Set<string>();
  const links: { to: string; anchor: string }[] = [];
  const images: string[] = [];
  const headings: { depth: number; text: string; anchor: string }[] = [];
  const marked = new Marked({ gfm: true });
  marked.use({
    renderer: {
      heading({ tokens, depth, text: raw }: Tokens.Heading): string {
        const said = plain(raw);
        let anchor = anchorOf(said);
        for (let n = 1; anchors.has(anchor); n++) anchor = `${anchorOf(said)}-${n}`;
        anchors.add(anchor);
        headings.push({ depth, text: said, anchor });
        return `<h${depth} id="${anchor}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
      },
      link({ href, tokens }: Tokens.Link): string {
        const inner = this.parser.parseInline(tokens);
        if (/^(https?|mailto):/.test(href)) return `<a href="${escaped(href)}">${inner}</a>`;
        const [file = '', anchor = ''] = href.split('#');
        const to = file === '' ? path : posix.normalize(posix.join(posix.dirname(path), file));
        links.push({ to, anchor });
        const page = isPage(to) ? to : isPage(posix.join(to, 'README.md')) ? posix.join(to, 'README.md') : undefined;
        if (page === undefined) return `<span title="${escaped(to)}">${inner}</span>`;
        return `<a href="${escaped(relative(path, page))}${anchor === '' ? '' : `#${escaped(anchor)}`}">${inner}</a>`;
      },
      image({ href, text: alt }: Tokens.Image): string {
        const file = posix.normalize(posix.join(posix.dirname(path), href));
        images.push(file);
        return `<img src="${escaped(posix.relative(posix.dirname(path), file))}" alt="${escaped(alt)}">`;
      },
      html({ text: raw }: Tokens.HTML | Tokens.Tag): string {
        return escaped(raw);
      },
    },
  });
  const body = marked.parse(text, { async: false });
  const title = headings[0]?.text ?? path;
  const inside = headings.filter(({ depth }) => depth === 2);
  const toc =
    inside.length < 2
      ? ''
      : `<nav aria-label="On this page"><ul>${inside.map((one) => `<li><a href="#${one.anchor}">${escaped(one.text)}</a></li>`).join('')}</ul></nav>`;
  return { title, anchors, links, images, html: frame({ path, title, toc, body, sections }) };
}

interface Framed {
  readonly path: string;
  readonly title: string;
  readonly toc: string;
  readonly body: string;
  readonly sections: readonly Section[];
}

function frame({ path, title, toc, body, sections }: Framed): string {
  const menu = sections
    .map(({ title: section, pages }) => {
      const open = pages.some((page) => page.path === path) ? ' open' : '';
      const items = pages
        .map((page) => {
          const here = page.path === path ? ' aria-current="page"' : '';
          return `<li><a href="${escaped(relative(path, page.path))}"${here}>${escaped(page.title)}</a></li>`;
        })
        .join('');
      return `<details${open}><summary>${escaped(section)}</summary><ul>${items}</ul></details>`;
    })
    .join('\n');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="content-security-policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data: file:">
<title>${escaped(title)} · misstep</title>
<style>${STYLE}</style>
</head>
<body>
<a class="skip" href="#content">To the text</a>
<header><a href="${escaped(relative(path, 'README.md'))}">misstep</a></header>
<nav class="menu" aria-label="Pages">
${menu}
</nav>
<main id="content">
${toc}
${body}
</main>
</body>
</html>
`;
}

/** From one page to another, as files of the site. */
function relative(from: string, to: string): string {
  return posix.relative(posix.dirname(from), to.replace(/\.md$/, '.html')) || posix.basename(to).replace(/\.md$/, '.html');
}

/** Without marks of Markdown. */
function plain(text: string): string {
  return text.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[`*]/g, '');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.55 system-ui, sans-serif; display: grid; grid-template: auto 1fr / 17rem minmax(0, 1fr); }
header { grid-column: 1 / -1; padding: .6rem 1.2rem; border-bottom: 1px solid var(--line); font-weight: 600; }
header a { color: inherit; text-decoration: none; }
.menu { padding: 1rem 1.2rem; border-right: 1px solid var(--line); font-size: .9rem; }
.menu ul { list-style: none; margin: .2rem 0 .8rem; padding-left: .8rem; }
.menu summary { cursor: pointer; font-weight: 600; }
.menu a { text-decoration: none; display: block; padding: .1rem 0; }
.menu [aria-current] { font-weight: 600; color: inherit; }
main { padding: 1rem 2rem 4rem; max-width: 62rem; }
main nav { float: right; max-width: 16rem; margin: 0 0 1rem 1.5rem; padding: .5rem 1rem; border: 1px solid var(--line); font-size: .85rem; }
main nav ul { margin: 0; padding-left: 1rem; }
pre { overflow-x: auto; padding: .7rem 1rem; background: var(--soft); border: 1px solid var(--line); clear: both; }
code { font: .9em ui-monospace, monospace; }
table { border-collapse: collapse; display: block; overflow-x: auto; clear: both; }
th, td { border: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top; }
img { max-width: 100%; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: .4rem; background: Canvas; padding: .3rem; z-index: 1; }
@media (max-width: 50rem) { body { display: block; } .menu { border: 0; border-bottom: 1px solid var(--line); } main { padding: 1rem; } main nav { float: none; } }
@media print { .menu, header, .skip, main nav { display: none; } body { display: block; } }
`;
