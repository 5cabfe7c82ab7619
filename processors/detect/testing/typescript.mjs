// Lets a thread of a test run modules as they are in the source: Node 20 reads no TypeScript by itself. Import it before anything else.
import { register } from 'node:module';

register(
  `data:text/javascript,${encodeURIComponent(`
    import { readFile } from 'node:fs/promises';
    import { transformSync } from '${import.meta.resolve('rolldown/utils')}';
    import { fileURLToPath } from 'node:url';
    export async function load(url, context, next) {
      if (!url.endsWith('.ts')) return next(url, context);
      const path = fileURLToPath(url);
      const { code, errors } = transformSync(path, await readFile(path, 'utf8'), { sourcemap: false });
      if (errors.length > 0) throw new Error(errors[0].message);
      return { format: 'module', source: code, shortCircuit: true };
    }
  `)}`,
  import.meta.url,
);
