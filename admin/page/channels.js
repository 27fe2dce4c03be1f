// The table of channels, and the one that is looked at.

import {$, age, bytes, count, el, items, rate, say, visible} from './dom.js';

const step = 50, most = 500; // rows

export class Channels {
  constructor(changed) {
    Object.assign(this, {changed, sort: 'waiters', search: '', limit: step, chosen: ''});
    const heads = [...document.querySelectorAll('#channels th')];
    for (const head of heads) {
      const button = head.firstElementChild;
      button.addEventListener('click', () => {
        this.sort = button.dataset.sort;
        for (const h of heads) h.setAttribute('aria-sort', h !== head ? 'none' : this.sort === 'name' ? 'ascending' : 'descending');
        this.again();
      });
    }
    let typing;
    $('search').addEventListener('input', () => {
      clearTimeout(typing);
      typing = setTimeout(() => { this.search = $('search').value.trim(); this.again(); }, 150);
    });
    $('more').addEventListener('click', () => { this.limit = Math.min(most, this.limit + 2 * step); this.changed(); });
    $('close').addEventListener('click', () => this.choose(''));
    $('channels').tBodies[0].addEventListener('click', event => {
      const row = event.target.closest('tr');
      if (row) this.choose(row.channel === this.chosen ? '' : row.channel);
    });
  }

  again() {
    this.limit = step;
    this.changed();
  }

  // view is what is asked for.
  view() {
    const v = {sort: this.sort, limit: this.limit};
    if (this.search) v.search = this.search;
    if (this.chosen) v.channel = this.chosen;
    return v;
  }

  choose(name) {
    this.chosen = name;
    this.mark();
    this.fresh = Boolean(name); // it is not shown yet
    this.open(Boolean(name) && !$('detail').hidden);
    this.changed();
  }

  // open shows the channel that is looked at, or that none is.
  open(is) {
    $('detail').hidden = !is;
    $('hint').hidden = is || Boolean(this.chosen);
  }

  mark() {
    for (const row of $('channels').tBodies[0].rows) row.setAttribute('aria-selected', row.channel === this.chosen);
  }

  show({channels, channel}) {
    items($('channels').tBodies[0], channels.rows, newRow, fillRow);
    this.mark();
    const all = channels.all, shown = channels.rows.length;
    say($('count'), all === shown ? count(all) : `${count(shown)} of ${count(all)}`);
    $('nochannels').hidden = all > 0;
    say($('nochannels'), this.search ? `No channel has “${this.search}” in its name.` : 'Nobody waits, and no message is kept.');
    $('more').hidden = shown >= all || shown >= most;
    if (!this.chosen) this.open(false);
    else if (channel?.name === this.chosen) this.detail(channel); // and not that of a moment ago
  }

  detail(c) {
    this.open(true);
    const top = $('detail').getBoundingClientRect().top;
    if (this.fresh && top > 0.8 * innerHeight) $('detail').scrollIntoView(); // on a phone it stands below the table
    this.fresh = false;
    say($('detailname'), visible(c.name));
    say($('waitingcount'), some(c.waiting.length, c.waiters));
    items($('waiting'), c.waiting.length ? c.waiting : [null], () => el('li'), fillWaiter);
    say($('keptcount'), some(c.kept.length, c.messages));
    items($('kept'), c.kept.length ? c.kept : [null], () => el('li'), fillMessage);
  }
}

// some says how many are shown of how many.
const some = (shown, all) => all === shown ? `· ${count(all)}` : `· ${count(shown)} of ${count(all)}, ${count(all - shown)} more`;

function newRow() {
  const row = el('tr', '', el('td', '', el('button', 'name')), el('td'), el('td'), el('td'), el('td'));
  row.querySelector('button').type = 'button';
  return row;
}

function fillRow(row, c) {
  row.channel = c.name;
  const button = row.cells[0].firstElementChild;
  say(button, visible(c.name));
  button.title = visible(c.name);
  [count(c.waiters), c.waiters ? age(c.oldest) : '–', rate(c.rate), count(c.messages)].forEach((text, i) => {
    say(row.cells[i + 1], text);
    row.cells[i + 1].className = text === '0' || text === '–' ? 'none' : '';
  });
}

// fill writes texts into an item, each with a class; it keeps elements that are there.
function fill(item, texts) {
  items(item, texts, () => el('span'), (e, [name, text]) => {
    e.className = name;
    say(e, text);
  });
}

function fillWaiter(item, w) {
  item.className = w ? '' : 'none';
  if (!w) {
    fill(item, [['', 'Nobody.']]);
    return;
  }
  const who = w.forwarded ? `${w.forwarded} via ${w.address}` : w.address || 'has gone';
  const more = [w.grip && 'GRIP', w.channels > 1 && `${count(w.channels)} channels`].filter(Boolean);
  fill(item, [['who', who], ['route', [w.route || 'unknown route', ...more].join(' · ')], ['age', age(w.age)]]);
}

function fillMessage(item, m) {
  item.className = m ? '' : 'none';
  const shape = m ? 'message' : 'none';
  if (item.shape !== shape) {
    item.shape = shape;
    item.replaceChildren(...(m ? [el('div', 'about'), el('div', 'text')] : [el('span', '', 'None is kept.')]));
  }
  if (!m) return;
  const [about, text] = item.children;
  fill(about, [['', `${age(m.age)} ago`], ['', m.type || 'no content for polls'], ['', bytes(m.size)], ...(m.name ? [['', `id ${m.name}`]] : [])]);
  text.className = m.binary ? 'text binary' : 'text';
  say(text, m.binary ? 'binary, not shown' : m.cut ? `${m.text}… (cut)` : m.text);
}
