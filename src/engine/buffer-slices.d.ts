/** Methods of Buffer that @types/node does not tell of; Node itself and its ecosystem use them, without the argument checks of `toString` and `write`. */
interface Buffer {
  latin1Slice(start?: number, end?: number): string;
  utf8Slice(start?: number, end?: number): string;
  latin1Write(text: string, offset?: number, length?: number): number;
  utf8Write(text: string, offset?: number, length?: number): number;
}
