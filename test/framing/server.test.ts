/** Framings in a server, with real clients. */
import { expect, it } from 'vitest';
import { type Framing, lengthPrefixed, lines, netstring } from '../../src/framing/index.js';
import { describeEngines } from '../engines.js';
import { Conversation, codeBlocks, readDocument, startPrinted } from '../examples/documents.js';
import { openScene } from '../mux/scene.js';

describeEngines('a framing in a server', (engine) => {
  it('docs/framing.md: the program at the beginning answers each message, also one that comes in pieces', async () => {
    const [code = ''] = codeBlocks(readDocument('docs/framing.md'), 'js');
    const { port } = await startPrinted(code, engine, [7000]);
    const client = new Conversation(port(7000));
    const messages = lengthPrefixed(2);
    const [first, second] = [messages.encode('hello'), messages.encode('grüße')];
    client.socket.write(Buffer.concat([first, second.subarray(0, 4)]));
    await client.hears('\0\u0005HELLO');
    client.socket.end(second.subarray(4));
    expect(await client.ended).toBe('\0\u0005HELLO\0\u0007GRÜSSE');
  });

  const failing: [string, Framing<unknown>, string, string][] = [
    ['a message that is too long', lengthPrefixed(4, { maxLength: 100 }), '\0\0\0\u0065', 'NETMUX_FRAME_TOO_LONG'],
    ['a line without an end', lines({ maxLength: 5 }), '123456', 'NETMUX_LINE_TOO_LONG'],
    ['what is no netstring', netstring(), 'GET / HTTP/1.1\r\n', 'NETMUX_FRAME_MALFORMED'],
  ];

  it.each(failing)('%s costs the connection its life, and nobody else', async (_, framing, input, code) => {
    const scene = await openScene(engine, {
      steps: {
        mux_input: (_mux, fh, data) => {
          for (const frame of framing.frames(data)) fh.write(`${String(frame)};`);
        },
      },
    });
    const bad = await scene.client();
    const good = await scene.client();
    await bad.peer.send(input);
    await scene.until('mux_close c1');
    expect(scene.log).toContain(`mux_error c1 ${code}`);
    await good.peer.send(framing.encode('ok'));
    await good.peer.expect('ok;');
  });
});
