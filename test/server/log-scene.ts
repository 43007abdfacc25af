import { onTestFinished } from 'vitest';
import { type LogFailure, type LogSettings, ServerLog } from '../../src/server/log/log.js';

/** The defaults of the options. */
const DEFAULTS: LogSettings = {
  log_level: 2,
  log_file: '',
  log_format: 'classic',
  syslog_logsock: '',
  syslog_path: '/dev/log',
  syslog_port: 514,
  syslog_format: 'rfc3164',
  syslog_ident: 'net_server',
  syslog_logopt: 'pid,nofatal',
  syslog_facility: 'daemon',
};

/** A log with these options that is closed after the test, and what it told of its failures. */
export async function openLog(settings: Partial<LogSettings>): Promise<{ log: ServerLog; failures: LogFailure[] }> {
  const failures: LogFailure[] = [];
  const log = await ServerLog.open({ ...DEFAULTS, ...settings }, (failure) => failures.push(failure));
  onTestFinished(() => log.close());
  return { log, failures };
}
