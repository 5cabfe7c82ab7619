/** The context of the OpenTelemetry API over AsyncLocalStorage, so that spans find their parents across `await`. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import { type Context, type ContextManager, ROOT_CONTEXT } from '@opentelemetry/api';

export class AsyncContextManager implements ContextManager {
  private readonly storage = new AsyncLocalStorage<Context>();

  active(): Context {
    return this.storage.getStore() ?? ROOT_CONTEXT;
  }

  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    context: Context,
    fn: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    const call = thisArg === undefined ? fn : fn.bind(thisArg);
    return this.storage.run(context, () => call(...args));
  }

  /** Functions run in `context`; listeners that are added to an emitter later do. */
  bind<T>(context: Context, target: T): T {
    if (target instanceof EventEmitter) {
      for (const method of ['on', 'once', 'addListener', 'prependListener', 'prependOnceListener'] as const) {
        const add = target[method].bind(target);
        target[method] = (event, listener) => add(event, this.bind(context, listener));
      }
      return target;
    }
    if (typeof target !== 'function') return target;
    const manager = this;
    const bound = function (this: unknown, ...args: unknown[]): unknown {
      return manager.storage.run(context, () => (target as (...args: unknown[]) => unknown).apply(this, args));
    };
    return bound as T;
  }

  enable(): this {
    return this;
  }

  disable(): this {
    this.storage.disable();
    return this;
  }
}
