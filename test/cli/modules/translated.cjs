// What compilers make of `export default` for CommonJS.
Object.defineProperty(exports, '__esModule', { value: true });
exports.default = require('./object.cjs');
