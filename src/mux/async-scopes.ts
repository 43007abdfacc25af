import { AsyncResource } from 'node:async_hooks';
import { CALLBACK_NAMES, type MuxCallbacks } from './callbacks.js';
import type { Handle } from './handle.js';
import type { Mux } from './mux.js';

/** As async_hooks names them. */
const RESOURCE_TYPE = 'netmux';

type CallbackName = (typeof CALLBACK_NAMES)[number];
type Callback = (this: MuxCallbacks, mux: Mux, fh: Handle, subject: unknown) => unknown;

/**
 * Option `asyncContext: 'connection'`. Each handle's callbacks run in an async context of their own: what one of them does with
 * `AsyncLocalStorage.enterWith` is there in the next one of the same handle, and never in another handle's.
 *
 * It works by standing between the dispatcher and the callback objects, so that multiplexers without it pay nothing.
 */
export class AsyncScopes {
  /** As it was when the multiplexer was made: what accepted connections begin with. */
  readonly #origin = new AsyncResource(RESOURCE_TYPE);
  /** Of the handles that were called or made by the application; gone with the handle at the latest. */
  readonly #scopes = new WeakMap<Handle, AsyncResource>();
  /** Whose callback runs. Another one of the same handle from within it stays where it is. */
  #running: Handle | undefined;

  /** The handle's next callback runs in the context of the caller. */
  enter(handle: Handle): void {
    this.#scopes.set(handle, new AsyncResource(RESOURCE_TYPE));
  }

  /** What the dispatcher is given in place of a user's callback object. */
  around(own: MuxCallbacks): MuxCallbacks {
    return new ScopedCallbacks(own, this) as MuxCallbacks;
  }

  /** Calls one method of a callback object in the scope of the handle. */
  call(own: MuxCallbacks, name: CallbackName, mux: Mux, handle: Handle, subject: unknown): unknown {
    const callback = own[name] as Callback;
    if (this.#running === handle) return callback.call(own, mux, handle, subject);
    const outer = this.#running;
    this.#running = handle;
    try {
      return this.#scopeOf(handle).runInAsyncScope(() => {
        try {
          return callback.call(own, mux, handle, subject);
        } finally {
          // In Node 24 a resource always begins with the context that it was made in: what this one has become needs a new resource.
          if (handle.closed) this.#scopes.delete(handle);
          else this.enter(handle);
        }
      });
    } finally {
      this.#running = outer;
    }
  }

  #scopeOf(handle: Handle): AsyncResource {
    return this.#scopes.get(handle) ?? this.#origin.runInAsyncScope(() => new AsyncResource(RESOURCE_TYPE));
  }
}

/** Has the methods that the user's object has at the moment. */
class ScopedCallbacks {
  readonly own: MuxCallbacks;
  readonly scopes: AsyncScopes;

  constructor(own: MuxCallbacks, scopes: AsyncScopes) {
    this.own = own;
    this.scopes = scopes;
  }
}

for (const name of CALLBACK_NAMES) {
  const scoped = function (this: ScopedCallbacks, mux: Mux, handle: Handle, subject: unknown): unknown {
    return this.scopes.call(this.own, name, mux, handle, subject);
  };
  Object.defineProperty(ScopedCallbacks.prototype, name, {
    get(this: ScopedCallbacks) {
      return this.own[name] === undefined ? undefined : scoped;
    },
  });
}

/** The object that the user has given. */
export function ownCallbacks(callbacks: MuxCallbacks | undefined): MuxCallbacks | undefined {
  return callbacks instanceof ScopedCallbacks ? callbacks.own : callbacks;
}
