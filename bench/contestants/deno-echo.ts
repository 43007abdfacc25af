/** Deno.listen, echo: a loop of reads and writes for each connection. */
const READ_BYTES = 65_536;

async function writeAll(connection: DenoConnection, bytes: Uint8Array): Promise<void> {
  let sent = 0;
  while (sent < bytes.length) sent += await connection.write(bytes.subarray(sent));
}

async function serve(connection: DenoConnection): Promise<void> {
  const buffer = new Uint8Array(READ_BYTES);
  connection.setNoDelay(true);
  try {
    for (;;) {
      const length = await connection.read(buffer);
      if (length === null) break;
      await writeAll(connection, buffer.subarray(0, length));
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
