/** Bun.serve as everybody writes it. */
const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch: () => new Response('Hello, World!\n', { headers: { 'Content-Type': 'text/plain' } }),
});
console.log(`listening on 127.0.0.1:${server.port}`);

export {};
