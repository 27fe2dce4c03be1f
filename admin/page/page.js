// The page for operators: what the running proxy does, as its long poll tells it.

import {$, age, bytes, count, el, items, milliseconds, rate, say} from './dom.js';
import {ask, token} from './api.js';
import {Channels} from './channels.js';
import {Live} from './live.js';
import {Plot} from './plot.js';
import {Write} from './write.js';

const span = 300_000; // ms of samples that are shown
let samples = [];

const plots = [
  new Plot($('parked'), [{of: s => s.parked, label: ''}], count),
  new Plot($('releases'), [{of: s => s.releases, label: ''}], rate),
  new Plot($('latency'), [{of: s => s.p99, label: 'p99'}, {of: s => s.p50, label: 'p50'}], milliseconds),
];
let live;
const channels = new Channels(() => { write.calm(); prefill(); live.refresh(); });
const write = new Write(() => channels.chosen);
live = new Live({view: () => channels.view(), heard: show, state});
live.start();

// prefill has the channel that is looked at published to.
function prefill() {
  if (channels.chosen) $('to').value = channels.chosen;
}

// show shows an answer, all of it.
function show(answer) {
  $('login').hidden = true;
  $('main').hidden = false;
  $('logout').hidden = !token.get();
  samples = (answer.reset ? [] : samples).concat(answer.samples ?? []);
  const last = samples.at(-1)?.t ?? 0;
  samples = samples.filter(s => s.t > last - span);
  for (const plot of plots) plot.draw(samples);
  say($('version'), `${answer.version} · up ${age(answer.uptime)}`);
  $('readonly').hidden = !answer.read_only;
  document.body.classList.toggle('readonly', answer.read_only);
  $('ending').hidden = answer.serving;
  figures(answer);
  backends(answer.backends);
  channels.show(answer);
  document.title = `${count(answer.figures.parked)} parked · cometproxy`;
}

function figures({figures: f}) {
  const refused = Object.values(f.refused_total).reduce((a, b) => a + b, 0);
  const data = [
    ['Connections', count(f.connections)],
    ['Active requests', count(f.active)],
    ['Published', count(f.published_total)],
    ['Released', count(f.ended_total.message)],
    ['Kept messages', count(f.messages)],
    ['Kept bytes', bytes(f.bytes)],
    ['Gaps told', count(f.gaps_total)],
    ['Refused', count(refused), refused > 0],
    ['Memory', bytes(f.memory)],
  ];
  items($('figures'), data, () => el('div', '', el('dt'), el('dd')), (e, [name, value, warn]) => {
    say(e.children[0], name);
    say(e.children[1], value);
    e.children[1].className = warn ? 'warn' : '';
  });
}

function backends(list) {
  if (!list.length) {
    $('backends').replaceChildren(el('p', 'soft', 'None is configured.'));
    return;
  }
  if ($('backends').firstElementChild?.tagName === 'P') $('backends').replaceChildren();
  items($('backends'), list, () => el('div', 'backend', el('div', '', el('b'), el('span', 'soft')), el('ul')), (e, b) => {
    const [head, servers] = e.children;
    say(head.children[0], b.name);
    const busy = [`${count(b.active)} active`, b.waiting && `${count(b.waiting)} queued`, b.tunnels && `${count(b.tunnels)} upgraded`];
    say(head.children[1], busy.filter(Boolean).join(' · '));
    items(servers, b.servers ?? [], () => el('li', '', el('i'), el('span', 'name'), el('span', 'state')), (item, s) => {
      item.className = s.in ? 'in' : 'out';
      say(item.children[1], s.address);
      say(item.children[2], s.in ? 'in use' : 'left out');
    });
  });
}

const words = {live: 'live', paused: 'paused', reconnecting: 'reconnecting', refused: 'not connected', connecting: 'connecting'};

// state tells how the long poll goes.
function state(word, refusal) {
  $('live').dataset.state = word;
  say($('live').lastElementChild, words[word]);
  const noAnswer = word === 'reconnecting' && !refusal.status;
  const text = refusal?.status === 401 ? '' : noAnswer ? 'cometproxy does not answer. It is tried again.' : refusal?.message ?? '';
  $('notice').hidden = !text;
  say($('notice'), text);
  if (refusal?.status === 401) {
    askToken(token.get() ? 'This token is not the right one, or has expired.' : '');
  }
}

// askToken shows the form, and nothing of what was there before.
function askToken(why) {
  token.clear();
  samples = [];
  $('main').hidden = $('logout').hidden = $('readonly').hidden = $('ending').hidden = true;
  say($('version'), '');
  document.title = 'cometproxy';
  $('config').replaceChildren();
  $('configuration').open = false;
  channels.chosen = '';
  $('login').hidden = false;
  say($('loginerror'), why);
  $('token').value = '';
  $('token').focus();
}

$('login').addEventListener('submit', event => {
  event.preventDefault();
  const value = $('token').value.trim();
  if (/[^\x21-\x7e]/.test(value)) { // no header can carry it, so it is none
    askToken('This token is not the right one: it has characters that no token has.');
    return;
  }
  token.set(value);
  live.start();
});

$('logout').addEventListener('click', () => {
  live.stop();
  state('connecting');
  askToken('');
});

// The configuration changes with a reload: it is fetched each time that it is opened.
$('configuration').addEventListener('toggle', async () => {
  if (!$('configuration').open) return;
  try {
    const {config} = await ask('admin/config');
    $('config').replaceChildren(...config.trimEnd().split('\n').map(line =>
      el('span', line.startsWith('[') ? 'table' : line.endsWith('# default') ? 'default' : '', `${line}\n`)));
  } catch (error) {
    say($('config'), error.message);
  }
});
