/* ===== The poll loop ======================================================
   All that a page needs to be live when the app answers its polls with GRIP.

   url       where the app answers polls, which the proxy then holds
   show      called with each answer {statuses, id, people} and its cursor, if it
             has one. What came once can come again: drop what you know already.
   signedOut called when the app does not know us any more; the loop ends
   state     told 'waiting' or 'reconnecting', for an indicator

   Nothing is missed, because each poll says which status is the newest that we
   have, and the app answers at once if it has newer ones. Comet-Cursor, which the
   proxy adds to what it held, tells it where the next hold begins: so we also get
   what was published while no poll of ours was open and the app does not store.
   ========================================================================= */
async function follow(url, {show, signedOut, state}) {
  let newest, cursor, failures = 0;         // of newest undefined: we are not sure of what we have
  for (;;) {
    let response, pause = 0;
    try {
      response = await fetch(newest === undefined ? '/statuses' : `${url}?after=${encodeURIComponent(newest)}`, {
        headers: cursor ? {'Comet-Cursor': cursor} : {}, cache: 'no-store', signal: AbortSignal.timeout(90_000), // above any hold
      });
      if (response.status === 401) return signedOut();
      if (!response.ok) throw new Error(`${url}: status ${response.status}`);
      const text = await response.text();
      let news = text;                      // what is no JSON somebody has published past the app
      try { news = JSON.parse(text); } catch {}
      const next = response.headers.get('Comet-Cursor');
      show(news, next);
      newest = news?.id || newest || '';     // only now: whatever failed above is asked for again
      cursor = next;
      failures = 0;
      state('waiting');
    } catch (error) {                       // no network, 429, 502, 503, …: 1 s, doubled up to 30 s, with jitter
      newest = cursor = undefined;
      pause = Math.min(30, 2 ** failures++) * (0.5 + Math.random() / 2);
      state('reconnecting', error);
    }
    const asked = Number(response?.headers.get('Retry-After')) || 0;
    pause = Math.max(pause, asked * (1 + Math.random() / 4));
    if (pause) await new Promise(done => setTimeout(done, pause * 1000));
  }
}
/* ===== End of the poll loop ============================================== */

// show shows an answer of the app's. What somebody publishes past the app can
// look otherwise; that is shown as well as can be.
function show(news, cursor) {
  const list = Array.isArray(news?.statuses) ? news.statuses : [news];
  count(merge(list.map(data => understand({data, id: cursor}))));
  if (Array.isArray(news?.people)) offer(news.people);
}

// signedOut leads to the form to sign in.
function signedOut() { location.replace('/'); }

// offer offers those who are signed in as readers. Who is chosen and has left
// stays, crossed out: what was for one person must not become one for everybody.
function offer(people) {
  const to = document.getElementById('to'), others = people.filter(p => p.id !== to.dataset.me);
  const old = new Map([...to.querySelectorAll('input')].map(input => [input.value, input.parentElement]));
  const labels = others.map(p => old.get(p.id) ?? choice(p));
  for (const label of labels) label.classList.remove('gone');
  for (const [id, label] of old) {
    if (id === 'everybody' || others.some(p => p.id === id)) continue;
    label.classList.add('gone');
    label.title = 'has signed out';
    if (label.firstElementChild.checked) labels.push(label);
  }
  to.replaceChildren(to.firstElementChild, old.get('everybody'), ...labels);
}

function choice({id, name}) {
  const label = document.createElement('label'), input = document.createElement('input');
  Object.assign(input, {type: 'checkbox', name: 'to', value: id});
  label.append(input, auto(make('span', '', name)));
  return label;
}

// Either everybody or some people: choosing one takes the other back.
document.getElementById('to').addEventListener('change', e => {
  const [everybody, ...people] = e.currentTarget.querySelectorAll('input');
  if (e.target === everybody) for (const p of people) p.checked = false;
  everybody.checked = !people.some(p => p.checked);
});
