// The live page in Chromium: axe in light and dark, by keyboard alone, hostile text, live update. With ZPAGES_IMAGES the pictures of docs/images are taken.
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import axe from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { demoRun, file, freePorts, note, post, type Running, startMisstep, until } from './kit.ts';

const binary = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
if (!binary) note('skipped: no chromium in /usr/bin; apt-get install chromium');
const images = process.env['ZPAGES_IMAGES'];

const rlo = '\u202e';
const esc = '\u001b[31m';
const hostile = [
  '<script>window.ran=1</script>',
  '</script><img src=x onerror="window.ran=1">',
  '"><svg onload=window.ran=1>',
  'javascript:window.ran=1',
  `${rlo}gpj.exe ${esc}red`,
  'x'.repeat(1_000_000),
];

describe.runIf(binary)('claim 29 (pages): the live page in Chromium', () => {
  let browser: Browser;
  let misstep: Running;
  let otlp = 0;
  let zpages = 0;

  beforeAll(async () => {
    [otlp = 0, zpages = 0] = await freePorts(2);
    const config = `
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:${otlp}"}}}}
processors: {detect: }
exporters: {store: }
extensions:
  database: {directory: "${dirname(file('empty', ''))}"}
  zpages: {endpoint: "127.0.0.1:${zpages}", database: database}
service:
  extensions: [database, zpages]
  telemetry: {metrics: {level: none}}
  pipelines: {traces: {receivers: [otlp], processors: [detect], exporters: [store]}}
`;
    misstep = await startMisstep(file('zpages.yaml', config), [otlp, zpages]);
    browser = await chromium.launch({ executablePath: binary as string, args: ['--headless=new', '--no-sandbox'] });
  });
  afterAll(async () => {
    await browser?.close();
    await misstep?.stop();
  });

  /** The page, with every request that leaves for elsewhere and every error of its script. */
  async function open(port: number, colorScheme: 'light' | 'dark' = 'light') {
    const context = await browser.newContext({ colorScheme, reducedMotion: 'reduce', viewport: { width: 1200, height: 900 } });
    const page = await context.newPage();
    const elsewhere: string[] = [];
    const errors: string[] = [];
    page.on('request', (request) => {
      if (!request.url().startsWith(`http://127.0.0.1:${port}/`) && !request.url().startsWith('data:'))
        elsewhere.push(request.url());
    });
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
    await page.goto(`http://127.0.0.1:${port}/`);
    await page.waitForFunction("document.getElementById('health').textContent !== 'Loading'");
    return { page, elsewhere, errors, close: () => context.close() };
  }

  const rows = (page: Page) => page.locator('#list tr').count();

  test('a detection comes by itself', async () => {
    const { page, errors, elsewhere, close } = await open(zpages);
    expect(await page.locator('#health').textContent()).toMatch(/^Healthy, since .*Z, version /);
    expect(await rows(page)).toBe(0);
    await post(otlp, demoRun(1).whole);
    await until('a row', async () => (await rows(page)) > 0);
    expect(await page.locator('#list').textContent()).toContain('loop: repeated');
    expect(await page.locator('#pipelines').textContent()).toContain('detect');
    expect(await page.locator('#coverage tr').count()).toBeGreaterThan(40);
    expect([errors, elsewhere]).toEqual([[], []]);
    await close();
  });

  test.each(['light', 'dark'] as const)(
    'axe finds nothing wrong in %s, in the list and with a detection chosen',
    async (scheme) => {
      const { page, close } = await open(zpages, scheme);
      await page.locator('#list button', { hasText: 'loop' }).first().waitFor();
      // The page's policy takes no second script; the debugger's channel is not bound by it.
      const violations = async () => {
        await page.evaluate(axe.source);
        return page.evaluate(
          "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' ')))",
        );
      };
      expect(await violations()).toEqual([]);
      await page.locator('#list button', { hasText: 'loop' }).first().click();
      await page.locator('.step .bar.marked').first().waitFor();
      expect(await page.locator('.step').count()).toBe(21);
      expect(await violations()).toEqual([]);
      await page.evaluate('scrollTo(0, 0)');
      if (images !== undefined) await page.screenshot({ path: join(images, `zpages-${scheme}.png`) });
      await close();
    },
  );

  test('by keyboard: skip link, filter, a detection, its text', async () => {
    const { page, close } = await open(zpages);
    await page.locator('#list button').first().waitFor();
    const focused = () => page.evaluate('document.activeElement.id || document.activeElement.className');
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('skip');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('filter');
    await page.keyboard.type('loop');
    await until('the filter', async () => (await rows(page)) === 1);
    await page.keyboard.press('Tab');
    expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid');
    await page.keyboard.press('Enter');
    expect(await focused()).toBe('one');
    const text = await page.locator('#one').textContent();
    expect(text).toContain('docs/detectors/loop.md');
    expect(text).toMatch(/blamed/);
    expect(text).toMatch(/evidence/);
    await close();
  });

  test('hostile names of agents and tools are text', async () => {
    for (const [i, name] of hostile.entries()) {
      const text = JSON.stringify(demoRun(100 + i).whole).replaceAll('"researcher"', () => JSON.stringify(name));
      await post(otlp, JSON.parse(text));
    }
    const { page, errors, elsewhere, close } = await open(zpages);
    await until('the rows', async () => (await rows(page)) >= hostile.length);
    for (const button of await page.locator('#list button').all()) await button.click();
    expect(await page.evaluate('globalThis.ran')).toBeUndefined();
    expect(await page.locator('script, img, svg, a:not(.skip)').count()).toBe(1);
    expect(await page.content()).not.toContain(rlo);
    expect(await page.content()).not.toContain(esc);
    expect(await page.locator('#list').textContent()).toContain('<script>window.ran=1</script>');
    expect([errors, elsewhere]).toEqual([[], []]);
    await close();
  });

  test('hostile records, whatever field they come in, are text', async () => {
    const { page, errors, elsewhere, close } = await open(zpages);
    const shown: string[] = [];
    for (const text of hostile) {
      const names = ['tenant', 'id', 'trace_id', 'span_id', 'session_id', 'agent', 'detector', 'message', 'severity'];
      const texts = [...names, 'explanation', 'impact', 'action', 'confidence'].map((name) => [name, text]);
      const one = { kind: 'detection', time_unix_ms: 0, evidence: { span_ids: [text] }, ...Object.fromEntries(texts) };
      // Both are functions of the page's script.
      await page.evaluate(`keep(${JSON.stringify(one)}); choose(${JSON.stringify(`${text} ${text}`)})`);
      shown.push((await page.locator('#facts').textContent()) ?? '');
    }
    expect(shown[0]).toContain('<script>window.ran=1</script>');
    expect(shown[4]).toContain('\\u{202e}gpj.exe \\u{1b}[31mred');
    expect(await page.evaluate('globalThis.ran')).toBeUndefined();
    expect(await page.locator('script, img, svg, a:not(.skip)').count()).toBe(1);
    expect([errors, elsewhere]).toEqual([[], []]);
    await close();
  });

  test('a page of elsewhere reads nothing', async () => {
    const other = createServer((_request, response) => response.end('<!doctype html><title>x</title>'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', () => resolve()));
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(other.address() as AddressInfo).port}/`);
    const url = `http://127.0.0.1:${zpages}/status`;
    const read = await page.evaluate(`fetch('${url}').then((answer) => answer.text(), () => 'refused')`);
    expect(read).toBe('refused');
    await page.close();
    other.close();
  });
});
