// An object for serve() that tells each process it is loaded in.
console.log('loaded');

export default {
  host: '127.0.0.1',
  mux_input(_mux, _fh, data) {
    data.consume();
  },
};
