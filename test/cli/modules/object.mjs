// An object for serve().
export default {
  port: 0,
  host: '127.0.0.1',
  mux_connection(_mux, fh) {
    fh.say('hello');
  },
  pre_loop_hook() {
    console.log(`listening ${this.listeners[0].localPort}`);
  },
};
