// How the page asks the listener that it came from.

const key = 'cometproxy.token';

// The token stays in this tab: other tabs, and the disk, do not get it.
export const token = {
  get: () => sessionStorage.getItem(key),
  set: value => sessionStorage.setItem(key, value),
  clear: () => sessionStorage.removeItem(key),
};

// A Refusal is an answer that is not 200. Its message says what to do.
export class Refusal extends Error {
  constructor(status, detail, after) {
    super(detail);
    this.status = status;
    this.after = after; // seconds until it may be tried again; 0: not said
  }
}

// ask sends a request and returns the JSON that answers it. The path is relative, so
// that the page also works below a prefix of a proxy in front.
export async function ask(path, options = {}) {
  const headers = {...options.headers};
  if (token.get()) headers.Authorization = `Bearer ${token.get()}`;
  const response = await fetch(path, {...options, headers, cache: 'no-store', credentials: 'omit', redirect: 'error'});
  const text = await response.text();
  if (response.ok) return JSON.parse(text);
  let detail = `${response.status} ${response.statusText}`;
  try { detail = JSON.parse(text).detail ?? detail; } catch { /* it is no problem in JSON */ }
  throw new Refusal(response.status, detail, Number(response.headers.get('Retry-After')) || 0);
}

export const channelPath = name => `channels/${encodeURIComponent(name)}`;
