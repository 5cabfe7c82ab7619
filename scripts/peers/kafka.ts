// A Kafka of its own (KRaft, one node) from jars, for tests and measurements: it can be killed and started again on the same data.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin } from '@platformatic/kafka';
import { freePorts } from './kit.ts';

const libs = join(process.env['BENCH_CACHE'] ?? join(homedir(), '.cache/misstep-bench'), 'peers/kafka/libs');
const classpath = join(libs, '*');

export const absentKafka = `skipped: no Kafka in ${libs}, or no java; scripts/peers/kafka/install fetches it`;

export function hasKafka(): boolean {
  return existsSync(libs) && spawnSync('java', ['-version']).status === 0;
}

export interface Broker {
  readonly address: string;
  createTopic(name: string, partitions: number): Promise<void>;
  /** SIGKILL; what it has not written is gone. */
  kill(): Promise<void>;
  /** After `kill`: on the same port and data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function startKafka(): Promise<Broker> {
  const directory = mkdtempSync(join(tmpdir(), 'misstep-kafka-'));
  const [port, controller] = (await freePorts(2)) as [number, number];
  const properties = join(directory, 'server.properties');
  writeFileSync(
    properties,
    Object.entries({
      'process.roles': 'broker,controller',
      'node.id': 1,
      'controller.quorum.voters': `1@127.0.0.1:${controller}`,
      'controller.listener.names': 'CONTROLLER',
      listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
      'log.dirs': join(directory, 'data'),
      'num.partitions': 4,
      'offsets.topic.replication.factor': 1,
      'offsets.topic.num.partitions': 4,
      'transaction.state.log.replication.factor': 1,
      'transaction.state.log.min.isr': 1,
      'share.coordinator.state.topic.replication.factor': 1,
      'share.coordinator.state.topic.min.isr': 1,
      'group.initial.rebalance.delay.ms': 0,
      'group.min.session.timeout.ms': 1_000,
    })
      .map(([key, value]) => `${key}=${value}`)
      .join('\n'),
  );
  const java = (args: readonly string[]) => spawnSync('java', ['-cp', classpath, ...args], { encoding: 'utf8' });
  const cluster = java(['kafka.tools.StorageTool', 'random-uuid']).stdout.trim();
  const formatted = java(['kafka.tools.StorageTool', 'format', '-t', cluster, '-c', properties]);
  if (formatted.status !== 0) throw new Error(`Kafka's StorageTool: ${formatted.stdout}${formatted.stderr}`);
  const address = `127.0.0.1:${port}`;
  const admin = () => new Admin({ clientId: 'test', bootstrapBrokers: [address], retries: 0, connectTimeout: 1_000 });
  let broker: ChildProcess | undefined;

  const start = async () => {
    const flags = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
    const child = spawn('java', [...flags, '-cp', classpath, 'kafka.Kafka', properties], { stdio: 'ignore' });
    broker = child;
    const deadline = performance.now() + 60_000;
    for (;;) {
      const client = admin();
      const up = await client.listTopics().then(
        () => true,
        () => false,
      );
      await client.close().catch(() => {});
      if (up) return;
      if (child.exitCode !== null) throw new Error(`Kafka ended with ${child.exitCode}.`);
      if (performance.now() > deadline) throw new Error('Kafka does not start.');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const end = async (signal: 'SIGKILL' | 'SIGTERM') => {
    const child = broker;
    broker = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
  };

  await start();
  return {
    address,
    async createTopic(name, partitions) {
      const client = admin();
      await client.createTopics({ topics: [name], partitions, replicas: 1 });
      await client.close();
    },
    kill: () => end('SIGKILL'),
    restart: start,
    async stop() {
      await end('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
