// How the page writes: texts as texts, always. Nothing here, or anywhere in the page,
// takes markup from a string.

export const $ = id => document.getElementById(id);

// el makes an element with a class and children, which are nodes or texts.
export function el(tag, className, ...children) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  e.append(...children);
  return e;
}

// svg makes an element of SVG with attributes.
export function svg(tag, attributes = {}) {
  const e = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  return e;
}

// say sets a text, if it is another one: what is selected stays so.
export function say(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

// items brings the children of a list in line with data: make gives a new one, fill
// writes one. Children stay where they are, so that neither the focus nor the place in
// the list is lost each second.
export function items(list, data, make, fill) {
  while (list.children.length > data.length) list.lastElementChild.remove();
  while (list.children.length < data.length) list.append(make());
  data.forEach((d, i) => fill(list.children[i], d));
}

// visible is a name that is what it looks like: characters that turn the direction of
// what follows, or are not seen, are spelled out.
export const visible = name => name.replace(/[\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\u00ad\u0080-\u009f\ufff9-\ufffb]/g,
  c => `⟨U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`);

const whole = new Intl.NumberFormat('en');

export const count = n => whole.format(Math.round(n));

// rate is a number a second.
export function rate(n) {
  if (n === 0) return '0';
  if (n < 0.1) return n.toFixed(2);
  return n < 100 ? n.toFixed(1) : count(n);
}

// age is a time in seconds.
export function age(s) {
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 100) return `${Math.floor(s)} s`;
  if (s < 6000) return `${Math.floor(s / 60)} min`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
}

export function bytes(n) {
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) {
    if (n < 1000 || unit === 'GiB') return `${n < 10 && unit !== 'B' ? n.toFixed(1) : Math.round(n)} ${unit}`;
    n /= 1024;
  }
}

// milliseconds is a latency, or a dash for none.
export function milliseconds(ms) {
  if (ms === null || ms === undefined) return '–';
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 100) return `${ms.toFixed(1)} ms`;
  return ms < 10_000 ? `${count(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
