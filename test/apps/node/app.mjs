// A small Express app: forms, cookies, files, streams, a WebSocket, server-sent
// events, live statuses.
import {createHash, randomUUID} from 'node:crypto';
import {createServer} from 'node:http';
import {fileURLToPath} from 'node:url';
import {gzipSync} from 'node:zlib';
import express from 'express';
import {WebSocketServer} from 'ws';
import {publish} from '../snippets/publish.mjs';

const app = express();
const form = express.urlencoded({extended: false});
const sessions = new Map();
const cookie = (req, name) => new RegExp(`(?:^|; )${name}=([^;]*)`).exec(req.headers.cookie ?? '')?.[1];

app.get('/form', (req, res) => res.send('<form method="post"><input name="text"></form>'));
app.post('/form', form, (req, res) => res.redirect(303, '/thanks?for=' + encodeURIComponent(req.body.text)));
app.get('/thanks', (req, res) => res.send(`thanks for ${req.query.for}\n`));
app.post('/login', form, (req, res) => {
  const id = randomUUID();
  sessions.set(id, req.body.name);
  res.cookie('session', id, {httpOnly: true, sameSite: 'lax'}).redirect('/account');
});
app.get('/account', (req, res) => {
  const name = sessions.get(cookie(req, 'session'));
  if (name) res.send(`hello ${name}\n`);
  else res.redirect('/form');
});
app.get('/cookies', (req, res) => res
  .cookie('a', '1', {path: '/'}).cookie('a', '2', {path: '/cookies'}).cookie('b', 'x y', {signed: false, maxAge: 0})
  .append('Set-Cookie', 'plain').append('Set-Cookie', 'q="a\\"b"; Partitioned; Priority=High').send('cookies\n'));
app.get('/headers', (req, res) => {
  res.removeHeader('X-Powered-By');
  res.set({Link: ['</a>; rel=preload', '</b>; rel=preload'], 'X-Empty': '', 'x-lower': 'l', Vary: 'Accept', Server: 'mine'});
  res.status(299).type('text/plain; charset=ISO-8859-1').end('own status\n');
});
app.get('/untyped', (req, res) => { res.writeHead(200, 'Very Fine'); res.end(Buffer.from([0, 255, 10])); });
app.get('/gzip', (req, res) => {
  res.set('Content-Encoding', 'gzip').type('text/plain').send(gzipSync('packed '.repeat(5000)));
});
app.get('/hints', (req, res) => { res.writeEarlyHints({link: '</style.css>; rel=preload'}); res.send('after hints\n'); });
app.get('/large', (req, res) => {
  const piece = Buffer.alloc(1 << 20, 'comet');
  let left = Number(req.query.mb);
  const more = () => {
    while (left-- > 0) if (!res.write(piece)) return res.once('drain', more);
    res.end();
  };
  more();
});
app.use('/static', express.static(fileURLToPath(new URL('.', import.meta.url))));
app.all('/echo/*', express.raw({type: () => true, limit: '1mb'}), (req, res) => {
  const {connection, 'x-forwarded-for': f, 'x-forwarded-proto': p, 'x-forwarded-host': h, 'grip-feature': g, 'x-request-id': i, ...headers} = req.headers;
  const body = Buffer.isBuffer(req.body) ? req.body.toString('latin1') : null;
  res.json({method: req.method, target: req.url, query: req.query, headers: Object.entries(headers).sort(), body});
});

// Bodies.
app.post('/upload', (req, res) => {
  const digest = createHash('sha256');
  let size = 0;
  req.on('data', piece => { size += piece.length; digest.update(piece); });
  req.on('end', () => res.json({size, sha256: digest.digest('hex')}));
});
app.post('/pipe', (req, res) => { res.type('application/octet-stream'); req.pipe(res); });
app.post('/refuse', (req, res) => res.status(413).set('Connection', 'close').send('too large\n'));

// Server-sent events: each POST /events becomes one.
const streams = new Set();
app.get('/events', (req, res) => {
  res.set({'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store'}).flushHeaders();
  streams.add(res);
  req.on('close', () => streams.delete(res));
});
app.post('/events', express.text(), (req, res) => {
  for (const stream of streams) stream.write(`data: ${req.body}\n\n`);
  res.json({streams: streams.size});
});
app.delete('/events', (req, res) => { for (const stream of streams) stream.end(); res.sendStatus(204); });
app.get('/streams', (req, res) => res.json({streams: streams.size}));

// The status page. Who waits for news polls /live/statuses, at the proxy.
const statuses = [];
app.get('/statuses/', (req, res) => res.json({statuses}));
app.post('/statuses/', form, async (req, res) => {
  const status = {id: statuses.length + 1, text: req.body.text};
  statuses.push(status); // as good as a commit
  await publish('room:statuses', status);
  res.redirect(303, '/statuses/');
});

const server = createServer(app);
new WebSocketServer({server, path: '/socket'}).on('connection', socket => {
  socket.on('message', (data, binary) => {
    if (!binary && String(data) === 'close, please') socket.close(4001, 'as you wish');
    else if (!binary && String(data) === 'vanish, please') socket.terminate();
    else socket.send(data, {binary});
  });
  socket.on('close', (code, reason) => console.log(`socket closed: ${code} ${reason}`));
});
server.listen(Number(process.env.PORT), '127.0.0.1');
