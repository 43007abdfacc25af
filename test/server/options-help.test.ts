/** What is made from the table of options: `--help` and docs/options.md. */
import { describe, expect, it } from 'vitest';
import { optionsDocument, optionsInterface } from '../../src/server/options/document.js';
import { helpText } from '../../src/server/options/help.js';
import type { OptionTable } from '../../src/server/options/option-row.js';
import { complaintAbout, converted } from '../../src/server/options/option-types.js';
import { tableWith } from '../../src/server/options/sources.js';
import { SERVER_OPTIONS } from '../../src/server/options/table.js';
import { read } from '../architecture/sources.js';

const own: OptionTable = {
  idle: { type: 'number', least: 1, unit: 'seconds', default: 600, meaning: 'how long a client may be silent' },
  color: { type: 'choice', choices: ['red', 'blue'], list: true, meaning: 'the colors there are' },
  rename: { type: 'function', meaning: 'gives clients a name' },
};

describe('the table of options', () => {
  const rows = Object.entries(SERVER_OPTIONS);

  it.each(rows.filter(([, row]) => row.default !== undefined))('%s: its own default is allowed', (_, row) => {
    for (const value of row.list ? (row.default as unknown[]) : [row.default]) {
      expect(converted(value, row)).toBe(value);
      expect(complaintAbout(value, row)).toBeUndefined();
    }
  });

  it('names every option in lower case, as Net::Server does', () => {
    expect(rows.map(([name]) => name).filter((name) => !/^([a-z][a-z0-9]*(_[a-z0-9]+)*|SSL_\w+)$/.test(name))).toEqual([]);
  });

  it('has every option that Net::Server::Multiplex recognises', () => {
    const names =
      'port host proto ipv listen ipv6_package allow deny cidr_allow cidr_deny reverse_lookups double_reverse_lookups conf_file log_level ' +
      'log_file log_function pid_file background setsid user group chroot no_client_stdout no_close_by_child leave_children_open_on_hup ' +
      'tie_client_stdout tied_stdout_callback tied_stdin_callback udp_recv_len udp_recv_flags udp_broadcast unix_type syslog_logsock ' +
      'syslog_ident syslog_logopt syslog_facility log4perl_conf log4perl_logger log4perl_poll server_type check_for_dequeue multi_port ' +
      'no_exit_on_close sig_passthrough commandline chown_files udp_args';
    expect(names.split(' ').filter((name) => !Object.hasOwn(SERVER_OPTIONS, name))).toEqual([]);
  });
});

describe('--help', () => {
  const text = helpText('chat', tableWith(own));

  it('begins with how the program is called, then with its own options', () => {
    expect(text.split('\n').slice(0, 9)).toEqual([
      'usage: chat [--OPTION=VALUE] [--OPTION VALUE] [--FLAG] [--] [WORD]...',
      '',
      'Options of this server',
      '  --idle=SECONDS',
      '        how long a client may be silent (default: 600 s)',
      '  --color=red|blue',
      '        the colors there are (may be given several times)',
      '',
      'Ports',
    ]);
  });

  it('names each option that can be given as text, and no other', () => {
    const named = [...text.matchAll(/^ {2}--(\w+)/gm)].map((match) => match[1]);
    const expected = Object.entries(SERVER_OPTIONS).filter(([, row]) => row.perlOnly === undefined);
    expect(named.toSorted()).toEqual(['idle', 'color', ...expected.map(([name]) => name)].toSorted());
    expect(text).not.toContain('rename');
  });

  it('says what 0 means where it is no number like others', () => {
    const unwrapped = text.replaceAll(/\s+/g, ' ');
    expect(unwrapped).toContain('unsent output per connection (0: unlimited; default: 16777216 = 16 MiB)');
    expect(unwrapped).toContain('without a byte, before the first probe (0: as the machine has it; default: 0 s)');
    expect(text).not.toContain('(0: undefined');
  });

  it('fits into 80 columns', () => {
    expect(text.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });

  it('without options of the program has no heading for them', () => {
    expect(helpText('chat', SERVER_OPTIONS)).not.toContain('Options of this server');
  });
});

describe('what editors show of an option', () => {
  const source = read('src/server/options/server-options.ts');

  it('is what `node scripts/options-doc.mjs` makes of the table', () => {
    expect(source).toBe(optionsInterface(SERVER_OPTIONS));
  });

  it('says what it means, what is allowed and what it is by default', () => {
    const [, comment] = /\/\*\*([^/]*)\*\/\n {2}readonly idle_timeout\?/.exec(source)!;
    expect(comment).toMatch(/ without a byte received or sent\. Allowed: .* \(seconds\)\.\s.*Default: 0 s\./s);
  });
});

describe('docs/options.md', () => {
  it('is what `node scripts/options-doc.mjs` makes of the table', () => {
    expect(read('docs/options.md')).toBe(optionsDocument(SERVER_OPTIONS));
  });

  it('names every option once', () => {
    const document = optionsDocument(SERVER_OPTIONS);
    const listed = document.slice(document.indexOf('## Ports'));
    const counts = Object.keys(SERVER_OPTIONS).map((name) => [name, listed.split(`\`${name}\``).length - 1]);
    expect(counts.filter(([, count]) => count !== 1)).toEqual([]);
  });
});
