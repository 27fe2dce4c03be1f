import {ServeGrip} from '@fanoutio/serve-grip';
import express from 'express';

const app = express();
const serveGrip = new ServeGrip({grip: process.env.GRIP_URL});  // http://127.0.0.1:5561/?iss=app&key=KEY
app.use(serveGrip);

app.get('/news', (req, res) => {
  const hold = res.grip.startInstruct();
  hold.addChannel('news');
  hold.setHoldLongPoll(25);  // seconds
  res.type('text/plain').status(204).end();  // when they are over: nothing new
});

app.post('/news', express.text({type: '*/*'}), async (req, res) => {
  await serveGrip.getPublisher().publishHttpResponse('news', req.body);
  res.send('sent\n');
});

app.listen(process.env.PORT ?? 3000, '127.0.0.1');
