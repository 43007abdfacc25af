/**
 * The programs and conversations that the documents print. A code block that names a file is saved under that name in one folder per
 * document; a program among them is started on both engines, and the conversations behind it are held with it:
 *
 *     $ nc 127.0.0.1 7000      a connection; `1$ …`, `2$ …` where there are several
 *     > typed                  `1> typed`
 *     heard                    `1  heard`
 *     $                        the server has closed it; `1$`
 */
import { expect, it } from 'vitest';
import { describeEngines, type TestedEngine } from '../engines.js';
import { blocksOf, type CodeBlock, Conversation, DOCUMENTS, printedPorts, readDocument, type Started, startFiles } from './documents.js';

const PROGRAM = /\.(mjs|ts)$/;

const LINE = /^(\d(?=\$|> |>$| {2}))?(?:(\$)(?: nc 127\.0\.0\.1 (\d+))?$|(>) ?)?(.*)$/;

const blocksByPage = new Map(DOCUMENTS.map((page) => [page, blocksOf(readDocument(page)).filter(({ file }) => file !== '')]));

/** A program with everything that is printed before it, and what is said to it. */
interface Play {
  readonly files: Record<string, string>;
  readonly command: readonly string[];
  readonly conversations: string[];
}

function playsOf(blocks: readonly CodeBlock[]): Play[] {
  const files: Record<string, string> = {};
  const plays: Play[] = [];
  for (const { language, file, args, code } of blocks) {
    const command = [file, ...args];
    if (language !== 'console') files[file] = code;
    const isNew = language === 'console' ? `${plays.at(-1)?.command}` !== `${command}` : PROGRAM.test(file);
    if (isNew) plays.push({ files: { ...files }, command, conversations: [] });
    if (language === 'console') plays.at(-1)!.conversations.push(code);
  }
  return plays;
}

async function hold(conversation: string, { port }: Started): Promise<void> {
  const connections = new Map<string, Conversation>();
  for (const line of conversation.trimEnd().split('\n')) {
    const [, name = '', prompt, printed, typing, text] = LINE.exec(line)!;
    if (printed !== undefined) {
      connections.set(name, new Conversation(port(Number(printed))));
      continue;
    }
    const connection = connections.get(name);
    if (connection === undefined) throw new Error(`nobody is connected yet: ${line}`);
    if (prompt !== undefined) await connection.ended;
    else if (typing !== undefined) connection.socket.write(`${text}\n`);
    else expect(await connection.line()).toBe(name === '' ? line : text!.slice(2));
  }
}

async function perform({ files, command, conversations }: Play, engine: TestedEngine): Promise<void> {
  const started = await startFiles(
    files,
    command,
    engine,
    printedPorts({ [command[0]!]: files[command[0]!]!, ...configurations(files, command) }),
  );
  for (const conversation of conversations) await hold(conversation, started);
}

/** The configuration files that a command names. */
function configurations(files: Record<string, string>, command: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(files).filter(([name]) => command.slice(1).some((word) => word.endsWith(name))));
}

it('a console block belongs to a file that stands before it', () => {
  for (const [page, blocks] of blocksByPage) {
    const saved = new Set<string>();
    for (const { language, file } of blocks) {
      if (language === 'console') expect(saved, page).toContain(file);
      else saved.add(file);
    }
  }
});

describeEngines('what is printed in', (engine) => {
  for (const [page, blocks] of blocksByPage) {
    for (const play of playsOf(blocks)) {
      it(`${page} runs: ${play.command.join(' ')}`, () => perform(play, engine));
    }
  }
});
