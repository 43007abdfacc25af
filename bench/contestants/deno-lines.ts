/** Deno.listen, sends back each line with a write of its own. */
const READ_BYTES = 65_536;

const decoder = new TextDecoder('latin1');
const encoder = new TextEncoder();

async function writeAll(connection: DenoConnection, bytes: Uint8Array): Promise<void> {
  let sent = 0;
  while (sent < bytes.length) sent += await connection.write(bytes.subarray(sent));
}

async function serve(connection: DenoConnection): Promise<void> {
  const buffer = new Uint8Array(READ_BYTES);
  let partial = '';
  connection.setNoDelay(true);
  try {
    for (;;) {
      const length = await connection.read(buffer);
      if (length === null) break;
      const lines = (partial + decoder.decode(buffer.subarray(0, length))).split('\n');
      partial = lines.pop() ?? '';
      for (const line of lines) await writeAll(connection, encoder.encode(`${line}\n`));
    }
  } catch {
    // reset by the client
  }
  connection.close();
}

const listener = Deno.listen({ hostname: '127.0.0.1', port: 0 });
console.log(`listening on 127.0.0.1:${listener.addr.port}`);
for await (const connection of listener) void serve(connection);

export {};
