/** Two sidecars on one database, each with its API: what they send together. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { finding } from '../../extensions/database/testing/suite.ts';
import { until } from '../../src/component/testing.ts';
import { announce, type Platform, startPlatform } from '../api/testing.ts';

/** The ids of the detections that a webhook got, in the order in which they came: of `count`, found at one sidecar or the other in turns. */
export async function deliveredByTwo(shared: Parameters<typeof startPlatform>[3], count: number): Promise<readonly string[]> {
  const got: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (some) => {
      body += some;
    });
    request.on('end', () => {
      got.push((JSON.parse(body) as { data: { id: string } }).data.id);
      // The other one has time to send the same.
      setImmediate(() => response.writeHead(204).end());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const options = { webhook_hosts: [host] };
  const first = await startPlatform(options, true, undefined, shared);
  await first.ask('POST', '/webhooks', { url: `http://${host}/hook` });
  const second = await startPlatform(options, true, undefined, shared);
  const both: readonly Platform[] = [first, second];
  for (let n = 1; n <= count; n++) {
    // Told to both: both are awake and look at the same rows.
    for (const one of both) announce(one, n);
    await (both[n % 2] as Platform).ingest([{ span: 2, events: [finding(n, {}, n)] }]);
  }
  await until(() => new Set(got).size === count, 30_000);
  // What is under way is sent to its end.
  for (const one of both) await one.stop();
  await new Promise((resolve) => server.close(resolve));
  return got;
}
