// Starts itself, and exports the server all the same.
const { serve } = await import(process.env.NETMUX_LIBRARY);
const { default: object } = await import('./object.mjs');

export default serve(object);
