/** What the contestants use of Bun. */
interface BunSocket<Data> {
  data: Data;
  /** Returns how many bytes were taken; −1 when the connection is gone. */
  write(data: Uint8Array | string): number;
  end(): void;
}

interface BunHandlers<Data> {
  open?(socket: BunSocket<Data>): void;
  data(socket: BunSocket<Data>, data: Uint8Array): void;
  drain(socket: BunSocket<Data>): void;
  close?(socket: BunSocket<Data>): void;
  error?(socket: BunSocket<Data>, error: Error): void;
}

declare const Bun: {
  listen<Data>(options: { hostname: string; port: number; socket: BunHandlers<Data> }): { port: number };
  serve(options: { hostname: string; port: number; fetch(): Response }): { port: number };
};
