// A plot of the last five minutes: one or two lines over time, as SVG. Where there is
// no value the line is broken.

import {el, say, svg} from './dom.js';

const span = 300_000; // ms
const width = 300, height = 100; // of the drawing, which is stretched over its frame

export class Plot {
  // lines are [{of: sample => value or null, label}]; label is '' for the only one.
  constructor(card, lines, format) {
    Object.assign(this, {card, lines, format, samples: []});
    this.values = lines.map(({label}, i) => {
      const value = el('b');
      const node = label ? el('span', i ? 'key second' : 'key', el('i'), `${label} `, value) : value;
      return {value, node};
    });
    this.scale = el('span', 'scale');
    this.drawing = svg('svg', {viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': card.querySelector('h2').textContent});
    this.paths = lines.map((_, i) => svg('path', {class: i ? 'second' : 'first'}));
    this.area = svg('path', {class: 'area'});
    this.at = svg('line', {class: 'at', y1: 0, y2: height, visibility: 'hidden'});
    for (const y of [0, height / 2]) this.drawing.append(svg('line', {x1: 0, x2: width, y1: y, y2: y}));
    this.drawing.append(this.area, ...this.paths, svg('line', {class: 'base', x1: 0, x2: width, y1: height, y2: height}), this.at);
    this.from = el('span', '', '5 min ago');
    this.to = el('span', '', 'now');
    const frame = el('div', 'frame', this.drawing, this.scale);
    card.append(el('div', 'now', ...this.values.map(v => v.node)), frame, el('div', 'times', this.from, this.to));
    frame.addEventListener('pointermove', event => this.point(event));
    frame.addEventListener('pointerleave', () => { this.pointed = null; this.write(); });
  }

  // draw shows samples, which are in the order of their time.
  draw(samples) {
    this.samples = samples;
    const last = samples.at(-1)?.t ?? 0;
    const values = samples.flatMap(s => this.lines.map(l => l.of(s))).filter(v => v !== null);
    this.top = above(Math.max(0, ...values));
    const x = s => width * (1 - (last - s.t) / span), y = v => height * (1 - v / this.top);
    this.lines.forEach((line, i) => {
      const runs = [];
      let run = null, before = 0;
      for (const s of samples) {
        const v = line.of(s);
        if (v === null || s.t - before > 5000) run = null; // none, or nobody was looking
        before = s.t;
        if (v === null) continue;
        if (!run) runs.push(run = []);
        run.push([x(s), y(v)]);
      }
      const text = run => run.map(([a, b]) => `${a.toFixed(2)} ${b.toFixed(2)}`).join(' L');
      this.paths[i].setAttribute('d', runs.map(r => r.length > 1 ? `M${text(r)}` : `M${text(r)} h.01`).join(''));
      if (i === 0) this.area.setAttribute('d', runs.map(r => `M${r[0][0].toFixed(2)} ${height} L${text(r)} L${r.at(-1)[0].toFixed(2)} ${height}z`).join(''));
    });
    say(this.scale, values.length ? this.format(this.top) : '');
    this.write();
  }

  // point shows the moment under the pointer.
  point(event) {
    const box = this.drawing.getBoundingClientRect(), last = this.samples.at(-1)?.t ?? 0;
    const t = last - span * (1 - (event.clientX - box.left) / box.width);
    this.pointed = this.samples.reduce((best, s) => !best || Math.abs(s.t - t) < Math.abs(best.t - t) ? s : best, null);
    this.write();
  }

  // write writes the values: those of the moment that is pointed to, or of now.
  write() {
    const last = this.samples.at(-1), shown = this.pointed ?? last;
    this.at.setAttribute('visibility', this.pointed ? 'visible' : 'hidden');
    say(this.to, this.pointed ? `${Math.round((last.t - shown.t) / 1000)} s ago` : 'now');
    if (this.pointed) {
      const at = width * (1 - (last.t - shown.t) / span);
      this.at.setAttribute('x1', at);
      this.at.setAttribute('x2', at);
    }
    this.lines.forEach((line, i) => {
      const v = shown ? line.of(shown) : null;
      say(this.values[i].value, v === null ? '–' : this.format(v));
      this.values[i].value.className = v === null ? 'none' : '';
    });
  }
}

// above is a round number above a value, for the top of a scale.
function above(value) {
  if (value <= 0) return 1;
  const wanted = value * 1.1, power = 10 ** Math.floor(Math.log10(wanted));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map(n => n * power).find(n => n >= wanted);
}
