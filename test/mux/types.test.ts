/** What the compiler knows of the multiplexer, framings and the network in memory. Most of it is checked by `npm run lint`; it runs, too. */
import { describe, expectTypeOf, it } from 'vitest';
import { type Framing, fixed, lengthPrefixed, lines, netstring, withHeader } from '../../src/framing/index.js';
import {
  type Handle,
  type InputBuffer,
  type Listener,
  Mux,
  type MuxCallbacks,
  type MuxOptions,
  NetmuxError,
  type NetmuxErrorCode,
} from '../../src/index.js';
import { TestNetwork } from '../../src/testing/index.js';

interface Session {
  name: string;
}

/** Never called: what stands in it is for the compiler. */
const unused = (_: () => unknown) => {};

describe('types of Mux', () => {
  it('know what fh.data holds, in callbacks, from every maker of handles, and back', () => {
    const mux = new Mux<Session>({ engine: new TestNetwork().engine });
    mux.setCallbackObject({
      mux_connection(itself, fh) {
        expectTypeOf(itself).toEqualTypeOf<Mux<Session>>();
        expectTypeOf(fh).toEqualTypeOf<Handle<Session>>();
        expectTypeOf(fh.data).toEqualTypeOf<Session | undefined>();
        fh.data = { name: 'ada' };
      },
      mux_input(_mux, _fh, data) {
        expectTypeOf(data).toEqualTypeOf<InputBuffer>();
        for (const line of data.lines({ maxLength: 1000 })) expectTypeOf(line).toEqualTypeOf<string>();
      },
      mux_refused(_mux, _listener, { reason, count }) {
        expectTypeOf(count).toEqualTypeOf<number>();
        expectTypeOf(reason).toExtend<string>();
      },
      mux_error(_mux, _fh, error) {
        expectTypeOf(error).toExtend<Error>();
        expectTypeOf(error.code).toEqualTypeOf<string | undefined>();
      },
    });
    expectTypeOf(mux.listen).returns.toEqualTypeOf<Listener<Session>>();
    expectTypeOf(mux.connect).returns.toEqualTypeOf<Handle<Session>>();
    expectTypeOf(mux.add).returns.toEqualTypeOf<Handle<Session> | undefined>();
    expectTypeOf(mux.handles()).toEqualTypeOf<Handle<Session>[]>();
    expectTypeOf(mux.setCallbackObject({})).toEqualTypeOf<MuxCallbacks<Session> | undefined>();
    // @ts-expect-error a session has no such field
    unused(() => mux.handles()[0]?.data?.nick);
    unused(() => {
      // @ts-expect-error a handle of another multiplexer holds something else
      mux.close(new Mux<number>().connect({ port: 1 }));
    });
  });

  it('an object written as a class implements the callbacks', () => {
    class Echo implements MuxCallbacks<Session> {
      mux_input(_mux: Mux<Session>, fh: Handle<Session>, data: InputBuffer): void {
        fh.write(data);
      }
    }
    const mux = new Mux<Session>({ engine: new TestNetwork().engine });
    mux.setCallbackObject(new Echo());
  });

  it('refuse a wrong name of an option or a callback, and a wrong type', () => {
    // @ts-expect-error there is no such option
    unused(() => new Mux({ maxOutbufer: 1 }));
    // @ts-expect-error servers have it in snake case, a multiplexer has not
    unused(() => new Mux({ max_outbuffer: 1 }));
    // @ts-expect-error a number is needed
    unused(() => new Mux({ idleTimeout: '5s' }));
    // @ts-expect-error one of two words, or a function
    unused(() => new Mux({ outbufferPolicy: 'explode' }));
    // @ts-expect-error there is no such callback
    unused(() => new Mux().setCallbackObject({ mux_imput() {} }));
    // @ts-expect-error a callback gets no fourth argument
    unused(() => new Mux().setCallbackObject({ mux_input(_mux: Mux, _fh: Handle, _data: InputBuffer, _more: number) {} }));
    // @ts-expect-error a port is a number
    unused(() => new Mux().listen({ port: '7000' }));
    // @ts-expect-error one of port, path and fd is needed
    unused(() => new Mux().listen({ host: '127.0.0.1' }));
    // @ts-expect-error one of port, path and fd, not two
    unused(() => new Mux().listen({ port: 0, path: '/run/x' }));
    // @ts-expect-error there is no such option
    unused(() => new Mux().listen({ port: 0, backlock: 5 }));
    // @ts-expect-error a UNIX socket has no port
    unused(() => new Mux().connect({ path: '/run/x', port: 7000 }));
    // @ts-expect-error it is 0, 1 or 2
    unused(() => new Mux().connect({ port: 1 }).shutdown(3));
    // @ts-expect-error text, bytes or an input buffer
    unused(() => new Mux().connect({ port: 1 }).write(5));
    // @ts-expect-error input is looked at and consumed, not written to
    unused((data?: InputBuffer) => data?.write('x'));
    // @ts-expect-error settings are read once, when the multiplexer is made
    unused((options: MuxOptions = {}) => (options.readSize = 1));
    // @ts-expect-error the address of the peer is what it is
    unused(() => (new Mux().connect({ port: 1 }).remoteAddress = '127.0.0.1'));
  });

  it('know the codes of errors', () => {
    expectTypeOf(new NetmuxError('NETMUX_LINE_TOO_LONG', 'x').code).toEqualTypeOf<NetmuxErrorCode>();
    // @ts-expect-error there is no such code
    unused(() => new NetmuxError('NETMUX_LINE_TO_LONG', 'x').code === 'NETMUX_LINE_TO_LONG');
  });
});

describe('types of framings', () => {
  it('know what a frame is', () => {
    expectTypeOf(lines()).toExtend<Framing<string>>();
    expectTypeOf(fixed(4)).toExtend<Framing<Buffer>>();
    expectTypeOf(fixed(4, 'utf8')).toExtend<Framing<string>>();
    expectTypeOf(lengthPrefixed(2)).toExtend<Framing<Buffer>>();
    expectTypeOf(lengthPrefixed(2, { encoding: 'utf8' })).toExtend<Framing<string>>();
    expectTypeOf(netstring({ encoding: 'latin1' })).toExtend<Framing<string>>();
    const numbers = lines().map(Number, String);
    expectTypeOf(numbers.read).returns.toEqualTypeOf<number | undefined>();
    expectTypeOf(numbers.encode).parameter(0).toEqualTypeOf<number>();
  });

  it('refuse what would not work', () => {
    // @ts-expect-error a length has 1, 2, 3, 4 or 8 bytes, or is a 'varint'
    unused(() => lengthPrefixed(5));
    // @ts-expect-error there is no such option
    unused(() => lines({ maxlength: 5 }));
    // @ts-expect-error these lines are UTF-8
    unused(() => lines({ encoding: 'latin1' }));
    // @ts-expect-error what follows is a number of bytes
    unused(() => withHeader(5, () => 'five'));
    // @ts-expect-error of numbers it is told what text they are
    unused(() => lines().encode(5));
  });
});
