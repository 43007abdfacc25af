// Claims the pid file named by the first argument, says so, and keeps it until its input ends. `remove`: removes it then.
const { PidFile } = await import(new URL('./server/daemon/pid-file.js', process.env.NETMUX_LIBRARY));
const [path, ending] = process.argv.slice(2);
try {
  const file = PidFile.claim(path, (text) => console.log(`warning ${text}`));
  if (ending !== 'empty') file.write();
  console.log('claimed');
  process.stdin.resume().on('end', () => {
    if (ending === 'remove') file.remove();
  });
} catch (error) {
  console.log(`refused ${error.code} ${error.message}`);
}
