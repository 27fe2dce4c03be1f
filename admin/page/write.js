// What the page can change: it publishes, and forgets a channel's messages. It asks the
// listener as an app does; with internal.page = "read_only" that refuses both.

import {$, count, say} from './dom.js';
import {ask, channelPath} from './api.js';

export class Write {
  constructor(chosen) {
    this.chosen = chosen;
    $('publish').addEventListener('submit', event => { event.preventDefault(); this.publish(); });
    $('forget').addEventListener('click', () => this.forget());
    this.calm();
  }

  // calm takes back a question that was not answered.
  calm() {
    clearTimeout(this.asked);
    this.sure = '';
    say($('forget'), 'Delete its messages');
    $('forget').classList.remove('sure');
  }

  async publish() {
    const button = $('publish').querySelector('[type=submit]');
    button.disabled = true;
    try {
      const type = $('publish').elements.type.value || 'text/plain; charset=utf-8';
      const answer = await ask(channelPath($('to').value), {method: 'POST', headers: {'Content-Type': type}, body: $('body').value});
      this.result('good', `Published. It released ${answer.released === 1 ? 'one request' : `${count(answer.released)} requests`}.`);
    } catch (error) {
      this.result('bad', `Not published: ${error.message}`);
    }
    button.disabled = false;
  }

  // forget asks first: who waits there is told of a gap.
  async forget() {
    const name = this.chosen();
    if (this.sure !== name) {
      this.calm();
      this.sure = name;
      say($('forget'), 'Really? Who waits is told of a gap');
      $('forget').classList.add('sure');
      this.asked = setTimeout(() => this.calm(), 5000);
      return;
    }
    this.calm();
    try {
      const answer = await ask(channelPath(name), {method: 'DELETE'});
      this.result('good', `The messages are deleted. ${count(answer.released)} who waited are told.`);
    } catch (error) {
      this.result('bad', `Not deleted: ${error.message}`);
    }
  }

  result(kind, text) {
    $('published').className = `result ${kind}`;
    say($('published'), text);
  }
}
