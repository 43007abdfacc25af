// Runs two copies of the package in one process, as two dependencies may have brought them along; they talk to each other.
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const library = fileURLToPath(process.env.NETMUX_LIBRARY);
const addon = 'build/Release/netmux.node';
let root = dirname(library);
while (!existsSync(join(root, 'package.json'))) root = dirname(root);
const second = mkdtempSync(join(tmpdir(), 'netmux-'));
process.on('exit', () => rmSync(second, { recursive: true }));
mkdirSync(join(second, dirname(addon)), { recursive: true });
cpSync(dirname(library), join(second, 'dist'), { recursive: true });
if (existsSync(join(root, addon))) cpSync(join(root, addon), join(second, addon));
writeFileSync(join(second, 'package.json'), JSON.stringify({ name: 'netmux', type: 'module' }));

const copies = [await import(process.env.NETMUX_LIBRARY), await import(pathToFileURL(join(second, 'dist/index.js')).href)];
const servers = await Promise.all(
  copies.map(async ({ Mux }) => {
    const mux = new Mux();
    const heard = [];
    mux.setCallbackObject({
      mux_input(_, fh, data) {
        const text = data.take().toString();
        heard.push(text);
        if (!text.startsWith('heard')) fh.write(`heard ${text}`);
        if (heard.length === 2) mux.endLoop(); // the other's word and its answer to ours
      },
    });
    const listener = await mux.listen({ host: '127.0.0.1', port: 0 }).ready;
    return { mux, heard, port: listener.localPort };
  }),
);
const [first, other] = servers;
const loops = servers.map(({ mux }) => mux.loop());
first.mux.connect({ host: '127.0.0.1', port: other.port }).write('first');
other.mux.connect({ host: '127.0.0.1', port: first.port }).write('other');
await Promise.all(loops);
console.log(
  JSON.stringify({
    shared: copies[0].Mux === copies[1].Mux,
    engines: servers.map(({ mux }) => mux.engine),
    heard: servers.map(({ heard }) => heard),
  }),
);
