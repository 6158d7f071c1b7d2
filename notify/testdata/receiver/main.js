// Starts the push service of web-push-testing on a free port, and says which.
const net = require('net');
const { PushApiModel } = require('web-push-testing/src/PushApiModel');
const Server = require('web-push-testing/src/server');

const probe = net.createServer().listen(0, () => {
  const { port } = probe.address();
  probe.close(() => new Server(new PushApiModel(), port).startServer());
});
process.stdin.on('end', () => process.exit(0)).resume(); // ends with who started it
