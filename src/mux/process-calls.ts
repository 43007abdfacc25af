/** The system calls that a daemon needs, passed on from the engine's room to the server's. */
export type { Address } from '../engine/engine.js';
export {
  changeRoot,
  duplicate,
  findGroup,
  findUser,
  lockFile,
  openDatagram,
  redirect,
  replaceProcess,
  requireProcessCalls,
  setCloseOnExec,
} from '../engine/process-calls.js';
