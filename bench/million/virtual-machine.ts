/** A small virtual machine whose console is lines of text. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A guest that says nothing for so long hangs; the longest silence of a healthy one is a group of connections on a busy machine. */
const SILENCE_MS = 15 * 60_000;

export interface VirtualMachine {
  readonly emulator: string;
  readonly kernel: string;
  /** A file. */
  readonly initramfs: string;
  readonly memoryMiB: number;
  readonly processors: number;
}

function commandLine(machine: VirtualMachine): string[] {
  // Emulated also where /dev/kvm can be opened: in a virtual machine, where paging is then nested, that is a hundred times slower.
  const emulation = ['-accel', 'tcg,thread=multi', '-cpu', 'max'];
  const size = ['-smp', String(machine.processors), '-m', `${machine.memoryMiB}M`];
  const devices = ['-nodefaults', '-display', 'none', '-serial', 'stdio', '-monitor', 'none', '-no-reboot'];
  const system = ['-kernel', machine.kernel, '-initrd', machine.initramfs, '-append', 'console=ttyS0 quiet panic=-1'];
  return [...emulation, ...size, ...devices, ...system];
}

/**
 * Runs the guest until it switches itself off, or has said all that is wanted of it.
 * @param onLine gets what it says, and tells whether that was all
 * @throws when it says nothing more, or the emulator fails
 */
export async function runVirtualMachine(machine: VirtualMachine, onLine: (line: string) => boolean): Promise<void> {
  const child = spawn(machine.emulator, commandLine(machine), { stdio: ['ignore', 'pipe', 'pipe'] });
  const endWithUs = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', endWithUs);
  let silent = false;
  let finished = false;
  const watch = setTimeout(() => {
    silent = true;
    child.kill('SIGKILL');
  }, SILENCE_MS);
  const complaints: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => complaints.push(line));
  createInterface({ input: child.stdout }).on('line', (line) => {
    watch.refresh();
    if (!onLine(line.trimEnd())) return;
    finished = true;
    child.kill('SIGKILL');
  });
  const [status, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  clearTimeout(watch);
  process.removeListener('exit', endWithUs);
  if (silent) throw new Error(`the virtual machine said nothing for ${SILENCE_MS / 60_000} minutes`);
  if (status !== 0 && !finished) throw new Error(`${machine.emulator} ended with ${status ?? signal}: ${complaints.join('\n')}`);
}
