/** Deno.serve as everybody writes it. */
Deno.serve(
  { hostname: '127.0.0.1', port: 0, onListen: ({ port }) => console.log(`listening on 127.0.0.1:${port}`) },
  () => new Response('Hello, World!\n', { headers: { 'Content-Type': 'text/plain' } }),
);

export {};
