import { lookup } from 'node:dns/promises';
import { closeSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { type Address, openDatagram } from '../../mux/process-calls.js';
import type { ServerSettings } from '../options/table.js';
import { pause } from '../pause.js';
import { peerText } from './escape.js';
import { type SyslogHeader, syslogMessage } from './syslog-message.js';
import type { LogTarget } from './target.js';

export type SyslogSettings = Pick<
  ServerSettings,
  'syslog_logsock' | 'syslog_path' | 'syslog_host' | 'syslog_port' | 'syslog_format' | 'syslog_ident' | 'syslog_logopt' | 'syslog_facility'
>;

/** A local daemon takes few messages ahead (net.unix.max_dgram_qlen, often 10); these wait here until it has read them. */
const MAX_WAITING = 1024;
const RETRY_MS = 25;
/** How long the end of the server waits for a daemon that does not read. */
const PATIENCE_AT_END_MS = 250;

/**
 * A syslog daemon: the local one behind its datagram socket, or one that receives UDP. Nothing here waits for it: what a full daemon
 * does not take is kept, up to 1,024 messages, and offered again.
 */
export class SyslogTarget implements LogTarget {
  readonly name: string;
  readonly stamps = true;
  readonly #address: Address;
  readonly #header: SyslogHeader;
  /** Below 0: not connected, to be tried again with the next message. */
  #descriptor = -1;
  readonly #waiting: Buffer[] = [];
  #retry: NodeJS.Timeout | undefined;

  private constructor(address: Address, header: SyslogHeader) {
    this.name = address.family === 'unix' ? `syslog at ${address.path}` : `syslog at ${address.host} port ${address.port}`;
    this.#address = address;
    this.#header = header;
  }

  /**
   * Opens the way to the daemon; it stays open across a chroot. Where `syslog_logopt` says `nofatal`, a daemon may also come later.
   * @throws SystemError ENOTFOUND (unknown host); without `nofatal` ENOENT, ECONNREFUSED (no local daemon) …
   */
  static async open(settings: SyslogSettings): Promise<SyslogTarget> {
    const { syslog_logsock: socket, syslog_host: host } = settings;
    const remote = socket === 'udp' || socket === 'inet' || (socket === '' && host !== undefined);
    const header: SyslogHeader = {
      format: settings.syslog_format,
      facility: settings.syslog_facility,
      ident: settings.syslog_ident,
      pid: /\bpid\b/.test(settings.syslog_logopt) ? process.pid : undefined,
      hostname: remote ? hostname() : undefined,
    };
    const target = new SyslogTarget(remote ? await addressOf(host ?? 'localhost', settings.syslog_port) : local(settings), header);
    try {
      target.reopen();
    } catch (error) {
      if (!isLenient(settings) || (error as NodeJS.ErrnoException).code === 'NETMUX_NO_NATIVE') throw error;
    }
    return target;
  }

  /** Each line is a message of its own, since daemons end a message at a newline or show it as `#012`. */
  write(text: string, level: number): void {
    for (const line of text.split('\n')) {
      const message = syslogMessage(this.#header, level, peerText(line));
      if (this.#waiting.length > 0 || !this.#send(message)) this.#keep(message);
    }
  }

  reopen(): void {
    const fresh = openDatagram(this.#address);
    this.#disconnect();
    this.#descriptor = fresh;
  }

  close(): void {
    clearInterval(this.#retry);
    this.#retry = undefined;
    try {
      for (let waited = 0; !this.#offerWaiting() && waited < PATIENCE_AT_END_MS; waited += RETRY_MS) pause(RETRY_MS);
    } finally {
      this.#waiting.length = 0;
      this.#disconnect();
    }
  }

  /**
   * A daemon that was started anew has another socket under the old name, and an UDP port where nobody listened answers to the next
   * message: so a failure is the last word only if it happens twice.
   *
   * @returns false if the daemon takes nothing at the moment
   */
  #send(message: Buffer): boolean {
    if (this.#descriptor >= 0) {
      try {
        writeSync(this.#descriptor, message);
        return true;
      } catch (error) {
        if (isFull(error)) return false;
      }
    }
    this.#disconnect();
    this.#descriptor = openDatagram(this.#address);
    try {
      writeSync(this.#descriptor, message);
      return true;
    } catch (error) {
      if (isFull(error)) return false;
      throw error;
    }
  }

  #keep(message: Buffer): void {
    if (this.#waiting.length >= MAX_WAITING) throw new Error(`${this.name} has not taken anything for ${MAX_WAITING} messages`);
    this.#waiting.push(message);
    this.#retry ??= setInterval(() => {
      try {
        if (!this.#offerWaiting()) return;
      } catch {
        // The daemon has gone; perhaps it is being started anew.
        return;
      }
      clearInterval(this.#retry);
      this.#retry = undefined;
    }, RETRY_MS).unref();
  }

  /** @returns whether nothing waits any more */
  #offerWaiting(): boolean {
    let sent = 0;
    try {
      while (sent < this.#waiting.length && this.#send(this.#waiting[sent]!)) sent += 1;
    } finally {
      this.#waiting.splice(0, sent);
    }
    return this.#waiting.length === 0;
  }

  #disconnect(): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor);
    this.#descriptor = -1;
  }
}

function local(settings: SyslogSettings): Address {
  return { family: 'unix', path: settings.syslog_path };
}

async function addressOf(host: string, port: number): Promise<Address> {
  const { address, family } = await lookup(host);
  return { family: family === 6 ? 6 : 4, host: address, port };
}

/** Whether the server is to live with it that the daemon does not answer: the word `nofatal` of Sys::Syslog. */
export function isLenient({ syslog_logopt: words }: SyslogSettings): boolean {
  return /\bnofatal\b/.test(words);
}

function isFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EAGAIN' || code === 'ENOBUFS';
}
