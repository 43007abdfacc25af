import type { Listener } from '../mux/handle.js';
import type { Mux } from '../mux/mux.js';
import { type BindSpec, bindFailureText, bindingText, boundText } from './bind-spec.js';
import { listenOptionsOf } from './resolve-ports.js';
import type { InheritedSocket } from './systemd.js';

const NOTICE = 2;

/** The addresses that stand for all. */
const WILDCARDS = ['*', '::', '0.0.0.0'];

/** Opens the sockets of a server, one after the other, so that a failure leaves no doubt which one it was. */
export class Binding<Client> {
  readonly #mux: Mux<Client>;
  readonly #log: (level: number, text: string) => void;

  constructor(mux: Mux<Client>, log: (level: number, text: string) => void) {
    this.#mux = mux;
    this.#log = log;
  }

  /**
   * Takes over the sockets that a service manager has opened, and binds what is configured beside them.
   * @throws Error in the original's words, with the `code` of its cause
   */
  async open(specs: readonly BindSpec[], inherited: readonly InheritedSocket[]): Promise<Listener<Client>[]> {
    const listeners: Listener<Client>[] = [];
    for (const socket of inherited) listeners.push(await this.#takeOver(socket));
    const handedOver = [...listeners];
    for (const spec of specs) {
      if (!handedOver.some((listener) => this.#serves(listener, spec))) listeners.push(await this.#bind(spec));
    }
    return listeners;
  }

  async #bind(spec: BindSpec): Promise<Listener<Client>> {
    this.#log(NOTICE, bindingText(spec));
    try {
      const listener = await this.#mux.listen(await listenOptionsOf(spec)).ready;
      const news = boundText(spec, listener.localPort ?? 0);
      if (news !== undefined) this.#log(NOTICE, news);
      return listener;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw Object.assign(new Error(bindFailureText(spec, error as Error), { cause: error }), { code });
    }
  }

  #takeOver({ descriptor, name }: InheritedSocket): Promise<Listener<Client>> {
    this.#log(NOTICE, `Taking over socket "${name}" on descriptor ${descriptor}`);
    return this.#mux.listen({ fd: descriptor }).ready;
  }

  /** Whether a socket that was handed over is what a port asks for. */
  #serves(listener: Listener<Client>, { path, port, host, proto }: BindSpec): boolean {
    if (this.#mux.isUdp(listener) !== (proto === 'udp' || proto === 'unixdgram')) return false;
    if (path !== undefined || listener.localPort === undefined) return path === listener.localAddress;
    const address = listener.localAddress!;
    return port === listener.localPort && (host === address || (WILDCARDS.includes(host) && WILDCARDS.includes(address)));
  }
}
