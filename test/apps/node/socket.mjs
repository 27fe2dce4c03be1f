// node socket.mjs URL: talks to the app's WebSocket and fails if anything is
// not as it would be without a proxy.
import assert from 'node:assert/strict';
import {once} from 'node:events';
import {randomBytes} from 'node:crypto';
import WebSocket from 'ws';

const url = process.argv[2];
const open = async (...more) => {
  const socket = new WebSocket(url, ...more);
  await once(socket, 'open');
  return socket;
};
const closed = async socket => {
  const [code, reason] = await once(socket, 'close');
  return `${code} ${reason}`;
};

// Many messages, text and binary, all on their way at once.
const many = 10_000;
let socket = await open(['first', 'second']);
assert.equal(socket.protocol, 'first');
const sent = Array.from({length: many}, (_, i) => i % 2 ? randomBytes(i % 300) : `message ${i} é`);
let got = 0;
const all = new Promise((done, failed) => socket.on('message', (data, binary) => {
  try {
    const want = sent[got++];
    assert.equal(binary, Buffer.isBuffer(want));
    assert.deepEqual(data, Buffer.from(want));
    if (got === many) done();
  } catch (error) { failed(error); }
}));
for (const message of sent) socket.send(message);
await all;
console.log(`echoed ${got}`);

// A large one, and a ping.
const large = randomBytes(8 << 20);
socket.send(large);
assert.deepEqual((await once(socket, 'message'))[0], large);
console.log('echoed 8 MiB');
socket.ping('are you there');
assert.equal(String((await once(socket, 'pong'))[0]), 'are you there');

// The client closes: its code comes back, and the app hears it.
socket.close(4000, 'client is done');
console.log('client closes:', await closed(socket));

// The app closes.
socket = await open();
socket.send('close, please');
console.log('app closes:', await closed(socket));

// The app cuts the connection without a word.
socket = await open();
socket.send('vanish, please');
console.log('app vanishes:', await closed(socket));

// A path where there is no WebSocket.
socket = new WebSocket(url + '/nothing');
const [, answer] = await once(socket, 'unexpected-response');
console.log('refused:', answer.statusCode);
socket.on('error', () => {}).terminate();
