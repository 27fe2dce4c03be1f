// The page's long poll. Each answer has what is new since the cursor of the one before,
// and comes when there is something: each second's figures, or that something was
// published. In between the request is parked.

import {ask, Refusal} from './api.js';

const pause = ms => new Promise(done => setTimeout(done, ms));

export class Live {
  // view() returns what to ask for besides; heard(answer) gets each answer; state(word,
  // refusal) is told how it goes.
  constructor({view, heard, state}) {
    Object.assign(this, {view, heard, state});
    this.cursor = '';
    this.running = false;
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) this.abort?.abort(); // a page that nobody sees asks for nothing
      else this.resume?.();
    });
  }

  // refresh has the view shown at once: it has changed.
  refresh() {
    this.now = true;
    this.abort?.abort();
    this.resume?.();
  }

  // stop ends it, until the next start.
  stop() {
    this.running = false;
    this.cursor = '';
    this.abort?.abort();
  }

  async start() {
    if (this.running) return;
    this.running = true;
    for (let failed = 0; this.running;) {
      if (document.hidden) {
        this.state('paused');
        await new Promise(done => { this.resume = done; });
        this.now = true;
        continue;
      }
      const began = Date.now();
      try {
        this.heard(await this.once());
        this.state('live');
        failed = 0;
        if (Date.now() - began < 50) await pause(50); // whatever comes so fast, it is read by people
      } catch (error) {
        if (error.name === 'AbortError') continue;
        if (error instanceof Refusal && [401, 403, 404].includes(error.status)) {
          this.stop();
          this.state('refused', error);
          return;
        }
        this.state('reconnecting', error);
        await pause(Math.max(error.after ?? 0, Math.min(8, 2 ** failed++)) * (800 + 400 * Math.random()));
        this.now = true;
      }
    }
  }

  async once() {
    const query = new URLSearchParams(this.view());
    if (this.cursor) query.set('cursor', this.cursor);
    if (this.now) query.set('wait', '0');
    this.now = false;
    this.abort = new AbortController();
    const answer = await ask(`admin/live?${query}`, {signal: this.abort.signal});
    this.cursor = answer.cursor;
    return answer;
  }
}
