/**
 * A chat room for nc and telnet: UTF-8 lines, ended by LF or CRLF. The first line that is not empty is the nick. Every line of
 * text then reaches every other client that has a nick, without its control characters; `/who`, `/nick X` and `/quit` are
 * commands. Who says nothing for a while, or sends a line without an end, is sent away.
 */
import { type Handle, type InputBuffer, Mux, type MuxCallbacks, NetmuxError } from 'netmux';
import { runExample } from './command-line.js';

/** Longest line in bytes, without its end. */
const MAX_LINE_BYTES = 4096;

/** What may wait for a client that does not read; whoever exceeds it is closed, so that one reader costs the room 1 MiB at most. */
const MAX_UNREAD_BYTES = 1024 * 1024;

/** Seconds in which the last line of a conversation has to be read. */
const LAST_WORDS_SECONDS = 5;

/** They would reach other people's terminals, which obey them. TAB is harmless. */
const CONTROL_CHARACTERS = /(?!\t)\p{Cc}/gu;

const NICK = /^[A-Za-z0-9_-]{1,20}$/;

/** A client is its handle; `fh.data` is the nick, once there is one. */
type Client = Handle<string>;

class ChatRoom implements MuxCallbacks<string> {
  /** The clients with a nick, in the order of joining. */
  private readonly members = new Set<Client>();
  private readonly idleSeconds: number;

  constructor(idleSeconds: number) {
    this.idleSeconds = idleSeconds;
  }

  mux_connection(_mux: Mux<string>, client: Client): void {
    client.setTimeout(this.idleSeconds);
    client.write('Welcome to netmux chat. Your nick?\n');
  }

  mux_input(_mux: Mux<string>, client: Client, data: InputBuffer): void {
    client.setTimeout(this.idleSeconds);
    try {
      for (const line of data.lines({ maxLength: MAX_LINE_BYTES })) {
        this.hear(client, line);
        if (!client.writable) return; // the line was /quit
      }
    } catch (error) {
      if (!(error instanceof NetmuxError) || error.code !== 'NETMUX_LINE_TOO_LONG') throw error;
      this.dismiss(client, '* line too long');
    }
  }

  mux_timeout(mux: Mux<string>, client: Client): void {
    if (client.writable) this.dismiss(client, '* idle, goodbye');
    else mux.close(client); // it never read its last line
  }

  mux_close(_mux: Mux<string>, client: Client): void {
    this.leave(client);
  }

  private hear(client: Client, line: string): void {
    if (line === '') return;
    if (client.data === undefined) {
      this.join(client, line);
      return;
    }
    const text = line.replace(CONTROL_CHARACTERS, '');
    if (text.startsWith('/')) this.obey(client, text);
    else if (text !== '') this.tellOthers(client, `${client.data}: ${text}`);
  }

  private join(client: Client, nick: string): void {
    if (!this.accepts(client, nick)) return;
    client.data = nick;
    this.members.add(client);
    client.write(`* hello ${nick}, ${this.members.size} online\n`);
    this.tellOthers(client, `* ${nick} joined`);
  }

  private obey(client: Client, line: string): void {
    const [command = ''] = line.split(' ', 1);
    switch (command) {
      case '/who':
        client.write(`* online: ${[...this.members].map((member) => member.data).join(', ')}\n`);
        break;
      case '/nick':
        this.rename(client, line.slice(command.length + 1));
        break;
      case '/quit':
        this.dismiss(client, '* bye');
        break;
      default:
        client.write(`* unknown command ${command}\n`);
    }
  }

  private rename(client: Client, nick: string): void {
    if (!this.accepts(client, nick)) return;
    const news = `* ${client.data} is now ${nick}`;
    client.data = nick;
    client.write(`${news}\n`);
    this.tellOthers(client, news);
  }

  /** Whether this can be the client's nick; tells it why not. */
  private accepts(client: Client, nick: string): boolean {
    if (!NICK.test(nick)) {
      client.write('* bad nick, try another\n');
      return false;
    }
    for (const member of this.members) {
      if (member.data !== nick) continue;
      client.write('* nick taken, try another\n');
      return false;
    }
    return true;
  }

  private tellOthers(client: Client, line: string): void {
    const bytes = Buffer.from(`${line}\n`); // encoded once, however many there are
    for (const member of this.members) if (member !== client) member.write(bytes);
  }

  private dismiss(client: Client, lastWords: string): void {
    client.write(`${lastWords}\n`);
    client.setTimeout(LAST_WORDS_SECONDS);
    client.close();
    this.leave(client);
  }

  private leave(client: Client): void {
    if (this.members.delete(client)) this.tellOthers(client, `* ${client.data} left`);
  }
}

await runExample({
  client: 'nc HOST PORT   (in two terminals, to have company)',
  extra: { idle: 600 },
  start({ address, muxOptions, extra }) {
    const mux = new Mux<string>({ ...muxOptions, maxOutbuffer: MAX_UNREAD_BYTES });
    mux.setCallbackObject(new ChatRoom(extra.idle));
    return mux.listen(address);
  },
});
