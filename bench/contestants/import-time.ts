/** How long it takes to import the package in a fresh process; with `--nothing` how long it takes to import nothing. Prints JSON. */
const begin = performance.now();
if (!process.argv.includes('--nothing')) await import('netmux');
console.log(JSON.stringify({ import: performance.now() - begin }));

export {};
