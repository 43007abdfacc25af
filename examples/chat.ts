/**
 * A chat room for nc and telnet: UTF-8 lines, ended by LF or CRLF. The first line that is not empty is the nick. Every line of
 * text then reaches every other client that has a nick, without its control characters; `/who`, `/nick X` and `/quit` are
 * commands. Who says nothing for a while, or sends a line without an end, is sent away.
 *
 * The netmux command runs it, so it is a daemon as well: `netmux out/examples/chat.js --conf_file examples/chat.conf --background`.
 */
import {
  type Handle,
  type InputBuffer,
  MultiplexClient,
  MultiplexServer,
  type Mux,
  NetmuxError,
  type OptionTable,
  type ServerOptions,
} from 'netmux';

/** Longest line in bytes, without its end. */
const MAX_LINE_BYTES = 4096;

/** What may wait for a client that does not read; whoever exceeds it is closed, so that one reader costs the room 1 MiB at most. */
const MAX_UNREAD_BYTES = 1024 * 1024;

/** Seconds in which the last line of a conversation has to be read. */
const LAST_WORDS_SECONDS = 5;

/** Seconds that slow readers get for the rest of their output when the server ends, and milliseconds for all to hang up then. */
const DRAIN_SECONDS = 0.3;
const HANG_UP_MS = 300;

/** They would reach other people's terminals, which obey them. TAB is harmless. */
const CONTROL_CHARACTERS = /(?!\t)\p{Cc}/gu;

const NICK = /^[A-Za-z0-9_-]{1,20}$/;

interface ChatOptions extends ServerOptions {
  readonly idle?: number;
}

/** One for each connection. */
class Client extends MultiplexClient<Chat> {
  nick = '';

  override mux_connection(_mux: Mux<Client>, fh: Handle<Client>): void {
    fh.setTimeout(this.netServer.idleSeconds);
    fh.write('Welcome to netmux chat. Your nick?\n');
  }

  override mux_input(_mux: Mux<Client>, fh: Handle<Client>, data: InputBuffer): void {
    fh.setTimeout(this.netServer.idleSeconds);
    try {
      for (const line of data.lines({ maxLength: MAX_LINE_BYTES })) {
        this.netServer.hear(this, line);
        if (!fh.writable) return; // the line was /quit
      }
    } catch (error) {
      if (!(error instanceof NetmuxError) || error.code !== 'NETMUX_LINE_TOO_LONG') throw error;
      this.netServer.dismiss(this, '* line too long');
    }
  }

  override mux_timeout(mux: Mux<Client>, fh: Handle<Client>): void {
    if (fh.writable) this.netServer.dismiss(this, '* idle, goodbye');
    else mux.close(fh); // it never read its last line
  }

  override mux_close(): void {
    this.netServer.leave(this);
  }
}

export default class Chat extends MultiplexServer<Client, ChatOptions> {
  override Client = Client;
  idleSeconds = 0;
  /** The clients with a nick, in the order of joining. */
  private readonly members = new Set<Client>();

  override options(): OptionTable {
    return {
      idle: {
        type: 'number',
        least: 0.001,
        most: 1_000_000,
        unit: 'seconds',
        default: 600,
        meaning: 'after how long without input a client is sent away',
      },
    };
  }

  override default_values(): ChatOptions {
    return { host: '127.0.0.1', max_outbuffer: MAX_UNREAD_BYTES, drain_timeout: DRAIN_SECONDS };
  }

  override post_configure_hook(): void {
    this.idleSeconds = this.get_property('idle') as number;
  }

  override pre_loop_hook(): void {
    for (const { localAddress = '', localPort, path } of this.listeners) {
      const isAnybodys = localAddress === '::' || localAddress === '0.0.0.0';
      const host = localAddress.includes(':') ? `[${localAddress}]` : localAddress;
      console.log(`listening on ${path ?? `${host}:${localPort}`} (engine: ${this.mux.engine})`);
      const place = path === undefined ? `${isAnybodys ? 'localhost' : localAddress} ${localPort}` : `-U ${path}`;
      console.log(`talk to it with: nc ${place}   (in two terminals, to have company)`);
    }
  }

  override request_denied_hook(client: Client): void {
    client.fh.write('You are not admitted.\n');
  }

  /** Who was sent a FIN may take some time to answer it; the terminal is not kept waiting for that. */
  override server_exit(status?: number): void {
    super.server_exit(status);
    setTimeout(() => process.exit(), HANG_UP_MS).unref();
  }

  hear(client: Client, line: string): void {
    if (line === '') return;
    if (client.nick === '') {
      this.join(client, line);
      return;
    }
    const text = line.replace(CONTROL_CHARACTERS, '');
    if (text.startsWith('/')) this.obey(client, text);
    else if (text !== '') this.tellOthers(client, `${client.nick}: ${text}`);
  }

  dismiss(client: Client, lastWords: string): void {
    const { fh } = client;
    fh.write(`${lastWords}\n`);
    fh.setTimeout(LAST_WORDS_SECONDS);
    fh.close();
    this.leave(client);
  }

  leave(client: Client): void {
    if (this.members.delete(client)) this.tellOthers(client, `* ${client.nick} left`);
  }

  private join(client: Client, nick: string): void {
    if (!this.accepts(client, nick)) return;
    client.nick = nick;
    this.members.add(client);
    client.fh.write(`* hello ${nick}, ${this.members.size} online\n`);
    this.tellOthers(client, `* ${nick} joined`);
  }

  private obey(client: Client, line: string): void {
    const [command = ''] = line.split(' ', 1);
    switch (command) {
      case '/who':
        client.fh.write(`* online: ${[...this.members].map(({ nick }) => nick).join(', ')}\n`);
        break;
      case '/nick':
        this.rename(client, line.slice(command.length + 1));
        break;
      case '/quit':
        this.dismiss(client, '* bye');
        break;
      default:
        client.fh.write(`* unknown command ${command}\n`);
    }
  }

  private rename(client: Client, nick: string): void {
    if (!this.accepts(client, nick)) return;
    const news = `* ${client.nick} is now ${nick}`;
    client.nick = nick;
    client.fh.write(`${news}\n`);
    this.tellOthers(client, news);
  }

  /** Whether this can be the client's nick; tells it why not. */
  private accepts(client: Client, nick: string): boolean {
    if (!NICK.test(nick)) {
      client.fh.write('* bad nick, try another\n');
      return false;
    }
    for (const member of this.members) {
      if (member.nick !== nick) continue;
      client.fh.write('* nick taken, try another\n');
      return false;
    }
    return true;
  }

  private tellOthers(client: Client, line: string): void {
    const bytes = Buffer.from(`${line}\n`); // encoded once, however many there are
    for (const { fh } of this.members) if (fh !== client.fh) fh.write(bytes);
  }
}
