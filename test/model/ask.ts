/** All that can be asked of a multiplexer and of a handle at any time, and changes nothing. */
import type { Handle, Mux } from '../../src/index.js';

/** Asks everything. @returns what is wrong with the answers */
export function ask(mux: Mux, fh: Handle, isInClose: boolean): string[] {
  const wrong: string[] = [];
  const must = (isRight: boolean, what: string) => {
    if (!isRight) wrong.push(what);
  };
  const stats = mux.stats();
  const handles = mux.handles();
  const closed = Object.values(stats.closed).reduce((sum, count) => sum + count, 0);
  must(stats.handles === handles.length, 'stats().handles');
  must(stats.accepted + stats.connected + stats.added === stats.handles + closed, 'whoever came is open or closed');
  must(fh.mux === mux && mux.engine.length > 0, 'mux');
  must(handles.includes(fh) === (!fh.closed && (fh.fd >= 0 || handles.includes(fh))), 'handles()');
  must(mux.udpPeer(fh) === undefined && !mux.isUdp(fh), 'a stream is no datagram socket');
  must(!fh.send('x', { host: '127.0.0.1', port: 9 }), 'a stream sends no datagrams');
  must(mux.add(fh) === undefined, 'add of what is known');
  must(fh.ref() === fh && fh.unref() === fh, 'ref and unref return the handle');
  fh.ref();
  const ofTheEnds = [fh.remoteAddress, fh.remotePort, fh.remoteFamily, fh.localAddress, fh.localPort];
  must(fh.bytesRead >= 0 && fh.bytesWritten >= 0 && fh.dropped >= 0, 'counters');
  must(fh.error === undefined || fh.error instanceof Error, 'error');
  if (fh.closed) {
    must(isInClose || ofTheEnds.every((answer) => answer === undefined), 'the dead have no address');
    must(fh.fd === -1 && !fh.writable && fh.bufferedAmount === 0, 'the dead');
    must(!fh.write('x') && mux.write(fh, 'x') === undefined && fh.print('x') === undefined, 'the dead write');
    must(fh.say('x') === undefined && fh.printf('%s', 'x') === undefined, 'the dead speak');
    must(mux.remove(fh) === -1 && !mux.setTimeout(fh, 1) && mux.inbuffer(fh) === undefined, 'the dead are unknown');
    must(mux.outbuffer(fh) === undefined && mux.setCallbackObject({}, fh) === undefined, 'the dead have nothing');
    for (const how of [0, 1, 2] as const) mux.shutdown(fh, how);
    for (const method of ['pause', 'resume', 'close', 'reset'] as const) fh[method]();
    fh.setTimeout(0);
    fh.shutdown(2);
    mux.close(fh);
    mux.reset(fh);
    mux.killOutput(fh);
  } else {
    const unread = mux.inbuffer(fh);
    must(unread !== undefined, 'inbuffer of the living');
    if (unread !== undefined) must(mux.inbuffer(fh, unread)?.equals(unread) === true, 'unread input that replaces itself');
    const callbacks = mux.setCallbackObject({ mux_outbuffer_empty: () => {} }, fh);
    mux.setCallbackObject(callbacks, fh);
  }
  comeAndGo(mux);
  return wrong;
}

/** A listener and a connection that are given up before they are anything, and a second loop. */
function comeAndGo(mux: Mux): void {
  const listener = mux.listen({ host: '127.0.0.1', port: 0 });
  listener.ready.catch(() => {});
  for (const fh of [listener, mux.connect({ host: '127.0.0.1', port: 9 })]) {
    mux.setCallbackObject({}, fh);
    mux.close(fh);
  }
  mux.loop({ signal: AbortSignal.abort() }).catch(() => {}); // it is looping
}
