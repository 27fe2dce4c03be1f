// An Express app as it is written for Pushpin and other GRIP proxies: its pages
// hold, and its visitors' words release them. GRIP_URL names the proxy.
import {Channel, HttpResponseFormat} from '@fanoutio/grip';
import {ServeGrip} from '@fanoutio/serve-grip';
import express from 'express';

const app = express();
const serveGrip = new ServeGrip({grip: process.env.GRIP_URL});
const publisher = serveGrip.getPublisher();
const list = value => value === undefined ? [] : [value].flat();

// Without the library: headers, or a body of instructions.
app.get('/plain', (req, res) => res
  .set({'Grip-Hold': 'response', 'Grip-Channel': ['lobby', 'room'], 'Grip-Timeout': '20'}).type('text').send('nothing\n'));
app.get('/instruct', (req, res) => res.type('application/grip-instruct').send(JSON.stringify({
  hold: {mode: 'response', channels: [{name: 'room'}], timeout: 5},
  response: {code: 203, reason: 'Nothing Yet', headers: {'Content-Type': 'text/plain', 'X-From': 'instruct'}, body: 'nothing\n'},
})));

app.use(serveGrip);

app.get('/poll', (req, res) => {
  if (!req.grip.isProxied) return res.status(501).type('text').send('not behind a GRIP proxy\n');
  const hold = res.grip.startInstruct();
  for (const name of list(req.query.channel ?? 'room')) hold.addChannel(new Channel(name, req.query.prev));
  hold.setHoldLongPoll(Number(req.query.timeout ?? 20));
  if (req.query.user) hold.meta = {user: req.query.user};
  res.set({'X-App': 'grip', 'Cache-Control': 'no-store'}).cookie('seen', '1').type('text').end('nothing\n');
});

// A page that has not changed: the library says 304 by Grip-Status.
app.get('/unchanged', (req, res) => {
  const instruct = res.grip.startInstruct();
  if (req.query.hold) {
    instruct.addChannel('room');
    instruct.setHoldLongPoll(5);
  }
  res.set('ETag', '"1"').status(304).end();
});

// A text is the body of the answer; JSON is all of an answer, other bytes are sent as they are.
app.post('/say', express.text(), express.json(), express.raw(), async (req, res) => {
  const {channel = 'room', id, prev} = req.query;
  const data = Buffer.isBuffer(req.body) ? new HttpResponseFormat({body: new Uint8Array(req.body)})
    : typeof req.body === 'object' ? new HttpResponseFormat(req.body) : req.body;
  try {
    await publisher.publishHttpResponse(channel, data, id, prev);
    res.send('said\n');
  } catch (error) { // the library's exception, which is no Error
    res.status(502).json({message: error.message, status: error.context?.statusCode, body: error.context?.httpBody});
  }
});

// Who asks? The library's middleware says it, and its publisher when it is asked.
app.get('/proxied', async (req, res) => res.json({
  middleware: req.grip, publisher: await publisher.validateGripSig(req.headers['grip-sig']),
  grip: Object.fromEntries(Object.entries(req.headers).filter(([name]) => name.startsWith('grip-'))),
}));
app.get('/careful', async (req, res) => {
  const {isProxied} = await publisher.validateGripSig(req.headers['grip-sig']);
  res.status(isProxied ? 200 : 501).send(isProxied ? 'signed\n' : 'not behind a GRIP proxy\n');
});

app.listen(Number(process.env.PORT), '127.0.0.1');
