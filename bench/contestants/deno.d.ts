/** What the contestants use of Deno. */
interface DenoConnection {
  read(buffer: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  setNoDelay(on: boolean): void;
  close(): void;
}

interface DenoAddress {
  port: number;
}

declare const Deno: {
  listen(options: { hostname: string; port: number }): AsyncIterable<DenoConnection> & { addr: DenoAddress };
  serve(options: { hostname: string; port: number; onListen(address: DenoAddress): void }, handler: () => Response): void;
};
