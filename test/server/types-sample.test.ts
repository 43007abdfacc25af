/** A server as documents print it, without a type in its parameters: what the compiler makes of it all the same. */
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Checking all of the library takes seconds where much else runs. */
const COMPILE_TIMEOUT_MS = 120_000;

const SAMPLE = `
import { MultiplexClient, MultiplexServer } from 'netmux';

class Client extends MultiplexClient<Chat> {
  nick = '';
  mux_input(mux, fh, data) { for (const line of data.lines()) this.netServer.say(this, line); }
  mux_timeout(mux, fh) { fh.write('too slow\\n'); fh.close(); }
}
class Chat extends MultiplexServer<Client> {
  Client = Client;
  allow_deny_hook(client) { return client.nick === ''; }
  say(client: Client, line: string) { client.fh.say(client.nick, ': ', line); }
}
await new Chat().run({ port: 7000 });
`;

const TEXTS: Readonly<Record<string, string>> = {
  [file('sample')]: SAMPLE,
  [file('method')]: SAMPLE.replace('netServer.say', 'netServer.sya'),
  [file('option')]: SAMPLE.replace('port: 7000', 'prot: 7000'),
};

function file(name: string): string {
  return join(ROOT, `test/server/${name}.mts`);
}

/** For each text the messages about it, each with the words that it is about. */
function complaints(): Record<string, string[]> {
  const options: ts.CompilerOptions = {
    ...{ strict: true, noImplicitAny: false, noEmit: true, skipLibCheck: true, preserveConstEnums: true },
    ...{ target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.NodeNext, types: ['node'] },
    ...{ lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'], paths: { netmux: [join(ROOT, 'src/index.ts')] } },
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (name) => name in TEXTS || fileExists(name);
  host.getSourceFile = (name, language) =>
    name in TEXTS ? ts.createSourceFile(name, TEXTS[name]!, language) : getSourceFile(name, language);
  const program = ts.createProgram(Object.keys(TEXTS), options, host);
  expect(program.getOptionsDiagnostics()).toEqual([]);
  const found = Object.entries(TEXTS).map(([name, text]) => {
    const source = program.getSourceFile(name)!;
    const diagnostics = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    const lines = diagnostics.map(({ start = 0, length = 0, messageText }) => {
      return `${text.slice(start, start + length)}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
    });
    return [basename(name, '.mts'), lines];
  });
  return Object.fromEntries(found);
}

it('compiles, and netServer is the server', { timeout: COMPILE_TIMEOUT_MS }, () => {
  expect(complaints()).toEqual({
    sample: [],
    method: [expect.stringMatching(/^sya: Property 'sya' does not exist on type 'Chat'/)],
    option: [expect.stringMatching(/^prot: .*'prot' does not exist in type/)],
  });
});
