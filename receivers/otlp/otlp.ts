/** Receives OTLP over gRPC and HTTP. Both listen when `start` resolves, or neither. */
import { MIB } from '../../config/units.ts';
import type { Signal } from '../../src/batch/batch.ts';
import type { AuthOption } from '../../src/component/auth.ts';
import type { Component, Consumer, Host, ReceiverFactory } from '../../src/component/component.ts';
import { Intake } from '../../src/component/transport/intake.ts';
import type { Listener } from '../../src/component/transport/listener.ts';
import { listenGrpc } from './grpc.ts';
import { listenHttp } from './http.ts';
import { type Options, options } from './options.ts';

export const factory: ReceiverFactory<typeof options> = {
  kind: 'receiver',
  type: 'otlp',
  stability: 'beta',
  summary: 'Receives OTLP over gRPC and HTTP, protobuf and JSON.',
  signals: ['traces', 'metrics', 'logs'],
  options,
  create: createOtlpReceiver,
};

/** Where it listens, as `host:port`; a protocol that is off has none. */
export interface Addresses {
  readonly grpc?: string;
  readonly http?: string;
}

export interface OtlpReceiver extends Component {
  /** Empty before `start` and after `shutdown`. */
  addresses(): Addresses;
}

export function createOtlpReceiver(id: string, { protocols }: Options, next: ReadonlyMap<Signal, Consumer>): OtlpReceiver {
  const listeners = new Map<'grpc' | 'http', Listener>();
  const intakes: Intake[] = [];

  function intake(host: Host, transport: string, limit: number, auth: AuthOption): Intake {
    const made = new Intake(host, id, transport, next, limit, auth);
    intakes.push(made);
    return made;
  }

  async function shutdown(signal: AbortSignal): Promise<void> {
    const closing = [...listeners.values()];
    listeners.clear();
    await Promise.all(closing.map((listener) => listener.close(signal)));
    // A client may have gone before its data was safe; the pipeline still has it.
    await Promise.race([Promise.all(intakes.splice(0).map((one) => one.settled())), aborted(signal)]);
  }

  return {
    addresses: () => Object.fromEntries([...listeners].map(([name, { address }]) => [name, address])),
    async start(host) {
      try {
        const { grpc, http } = protocols;
        if (grpc !== undefined) {
          listeners.set('grpc', await listenGrpc(grpc, intake(host, 'grpc', grpc.max_recv_msg_size_mib * MIB, grpc.auth), host));
        }
        if (http !== undefined) {
          listeners.set('http', await listenHttp(http, intake(host, 'http', http.max_request_body_size, http.auth), host));
        }
      } catch (error) {
        await shutdown(AbortSignal.abort());
        throw error;
      }
      host.logger.log('info', 'Listening.', { ...this.addresses() });
    },
    shutdown,
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
