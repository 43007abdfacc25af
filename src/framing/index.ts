export { delimited, lines } from './delimited.js';
export type { FramingOptions, TextFramingOptions } from './frame-options.js';
export { Framing } from './framing.js';
export type { Prefix } from './length-code.js';
export { netstring } from './netstring.js';
export { fixed, type LengthPrefixedOptions, lengthPrefixed, withHeader } from './sized.js';
