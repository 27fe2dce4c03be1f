// node operator.mjs CHROMIUM URL OTHER TOKEN [DIRECTORY]: uses the page for operators as
// one does, and as one should not. OTHER is a page of another origin. It prints lines
// with "!" when something shall happen to cometproxy, and goes on when it reads a line.
// Whatever is not as it should be throws.
import assert from 'node:assert/strict';
import {once} from 'node:events';
import {browse} from './chromium.mjs';

const [executablePath, url, other, secret, pictures] = process.argv.slice(2);
await browse(executablePath, drive);

async function drive(browser, lines) {
  const context = await browser.newContext({colorScheme: 'light', viewport: {width: 1280, height: 900}});
  const complaints = [], asked = [];
  const open = async (address = url) => {
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    page.on('pageerror', error => complaints.push(String(error)));
    page.on('dialog', dialog => { complaints.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
    page.on('console', m => { if (address === url && /Content.Security.Policy/i.test(m.text())) complaints.push(m.text()); });
    page.on('request', r => {
      if (!r.url().startsWith(url) && address === url) complaints.push(`asked elsewhere: ${r.url()}`);
      if (r.url().includes('/admin/live')) asked.push({at: Date.now(), url: r.url(), headers: r.headers()});
    });
    await page.goto(address);
    return page;
  };
  const order = async what => { console.log(`!${what}`); await once(lines, 'line'); };
  const picture = async (page, name) => { if (pictures) await page.screenshot({path: `${pictures}/${name}.png`, fullPage: true}); };
  const text = (page, selector) => page.locator(selector).textContent();
  const until = (page, what, ...args) => page.waitForFunction(what, args, {timeout: 15_000, polling: 50});
  const is = (page, selector, want) => until(page, ([s, w]) => document.querySelector(s)?.textContent === w, selector, want);

  const page = await open();
  await page.waitForSelector('#live[data-state=live]');
  await is(page, '#parked .now b', '20');
  await looks({page, is, text, until, asked});
  await picture(page, 'light');
  await hostile({page, is, text, until, order});
  await writes({page, is, text, until});
  await plots({page, until});
  await hides({page, asked, until});

  await page.waitForFunction(() => document.querySelectorAll('#backends li.in').length === 2);
  await order('second server down');
  await page.waitForSelector('#backends li.out');
  assert.match(await text(page, '#backends li.out'), /left out/);
  console.log('a server of the app that is down is shown so');

  await page.click('#configuration summary');
  await page.waitForSelector('#config .table');
  const config = await text(page, '#config');
  assert.match(config, /"Authorization" = "\(hidden\)"/);
  assert.match(config, /sig_key = "\(hidden\)"/);
  assert.match(config, /health_path = "\/healthz\?token=\(hidden\)"/);
  assert.ok(!(await page.content()).includes('SECRET'), 'a secret is in the page');
  await page.click('#configuration summary');
  console.log('the running configuration is shown, without its secrets');

  await shapes({open, picture, page});
  await foreign({open, page});
  await readOnly({page, order, picture});
  await restarts({page, order, is});
  await logsIn({page, open, order, text, is, picture, asked});
  assert.deepEqual(complaints, []);
}

// looks: search, sort, and one channel with who waits on it.
async function looks({page, is, text, until, asked}) {
  await page.fill('#search', 'ROOM:');
  await until(page, () => {
    const rows = document.querySelectorAll('#channels tbody tr');
    return rows.length === 1 && rows[0].textContent.startsWith('room:4220');
  });
  await page.click('#channels tbody tr');
  await is(page, '#detailname', 'room:42');
  await until(page, () => document.querySelectorAll('#waiting li').length === 20);
  const first = await text(page, '#waiting li:first-child');
  assert.match(first, /127\.0\.0\.1:\d+.*\/live\/\{room\}.*\d s/);
  await page.fill('#search', 'nothing like it');
  await is(page, '#nochannels', 'No channel has “nothing like it” in its name.');
  await page.fill('#search', '');
  await until(page, () => document.querySelectorAll('#channels tbody tr').length > 5);
  const names = () => page.locator('#channels tbody td:first-child').allTextContents();
  assert.equal((await names())[0], 'room:42'); // by who waits
  await page.click('th button[data-sort=name]');
  await page.waitForSelector('th[aria-sort=ascending] [data-sort=name]');
  await until(page, () => document.querySelector('#channels tbody td').textContent !== 'room:42');
  const plain = (await names()).filter(n => /^[\x20-\x7e]+$/.test(n));
  assert.deepEqual(plain, [...plain].sort(), 'sorted by name');
  await page.click('th button[data-sort=waiters]');

  // At rest the page asks about once a second: it is parked in between.
  const before = asked.length;
  await page.waitForTimeout(4000);
  const polls = asked.length - before;
  assert.ok(polls >= 3 && polls <= 12, `${polls} polls in 4 s`);
  assert.ok(asked.at(-1).url.includes('cursor='));
  console.log(`search, sort, and who waits; ${polls} polls in 4 s`);
}

// hostile: names and messages that are markup are texts.
async function hostile({page, is, text, until}) {
  await page.click('#close');
  await page.click('th button[data-sort=messages]');
  await until(page, () => document.querySelectorAll('#channels tbody tr').length >= 13);
  const shown = await page.locator('#channels tbody td:first-child').allTextContents();
  for (const name of ['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', 'it\'s "quoted" & <b>', 'javascript:alert(1)',
    '⟨U+202E⟩gpj.exe', 'zero⟨U+200B⟩width', 'עברית', '日本語 😀', 'a/b?c#d%2F', '  spaces  ', 'x${alert(1)}{{7*7}}', '__proto__']) {
    assert.ok(shown.includes(name), `${name} is not in ${JSON.stringify(shown)}`);
    await page.evaluate(n => [...document.querySelectorAll('#channels tbody button')].find(b => b.textContent === n).click(), name);
    await is(page, '#detailname', name);
    await is(page, '#kept .text', '<img src=x onerror=alert(1)>');
    assert.equal(await page.evaluate(() => document.querySelectorAll('main img, main script, main b:not([class]) img, script:not([src])').length), 0);
  }
  assert.equal(await page.evaluate(() => document.scripts.length), 1);
  console.log('markup, quotes and odd characters in names and messages are texts');
}

// writes: the page publishes, as text and JSON, to any channel, and deletes.
async function writes({page, is, text, until}) {
  const publish = async (channel, body, json) => {
    await page.fill('#to', channel);
    await page.fill('#body', body);
    await page.check(json ? '#json' : '#publish [name=type][value=""]');
    await page.evaluate(() => { document.querySelector('#published').textContent = ''; });
    await page.click('#publish [type=submit]');
    await until(page, () => document.querySelector('#published').textContent !== '');
    return text(page, '#published');
  };
  await page.fill('#search', '42');
  await until(page, () => document.querySelectorAll('#channels tbody tr').length === 1);
  await page.click('#channels tbody tr button');
  await is(page, '#detailname', 'room:42');
  assert.equal(await page.inputValue('#to'), 'room:42');
  assert.match(await publish('room:42', 'hello <b>room</b> é😀', false), /^Published\. It released (1?\d|20) requests?\.$/); // a poll may be away for a moment
  await is(page, '#kept .text', 'hello <b>room</b> é😀');
  assert.match(await publish('room:42', '{"n":', true), /^Not published: .*valid JSON/);
  assert.match(await publish('room:42', '{"n":1}', true), /^Published/);
  await is(page, '#kept .text', '{"n":1}');
  assert.match(await publish('$own', 'x', false), /^Not published: /);
  assert.match(await publish('<script>alert(2)</script>', 'x', false), /^Published\. It released 0/);
  assert.match(await publish('room:42', 'x'.repeat(5000), false), /^Published/);
  await until(page, () => document.querySelector('#kept .text').textContent === `${'x'.repeat(2048)}… (cut)`);
  await page.click('#forget');
  assert.match(await text(page, '#forget'), /Really/);
  await page.click('#forget');
  await until(page, () => document.querySelector('#published').textContent.startsWith('The messages are deleted.'));
  await is(page, '#kept', 'None is kept.');
  await page.fill('#search', '');
  console.log('the page publishes and deletes');
}

// plots: they move when something happens.
async function plots({page, until}) {
  await until(page, () => document.querySelector('#latency .now').textContent.match(/p99 [\d.,]+ m?s.*p50 [\d.,]+ m?s/));
  const top = () => page.evaluate(() => Math.min(...document.querySelector('#releases path.first').getAttribute('d').match(/[\d.]+ [\d.]+/g).map(p => Number(p.split(' ')[1]))));
  const before = await page.evaluate(() => document.querySelector('#releases path.first').getAttribute('d'));
  for (let i = 0; i < 10; i++) {
    await page.fill('#to', 'room:42');
    await page.fill('#body', `burst ${i}`);
    await page.click('#publish [type=submit]');
    await page.waitForSelector('#publish [type=submit]:not(:disabled)');
  }
  await until(page, ([d]) => document.querySelector('#releases path.first').getAttribute('d') !== d, before);
  assert.ok(await top() < 100, 'the plot of releases stays at its base');
  const frame = page.locator('#parked .frame'), {width} = await frame.boundingBox();
  await frame.hover({position: {x: width - 10, y: 20}});
  await until(page, () => /^\d+ s ago$/.test(document.querySelector('#parked .times').lastElementChild.textContent));
  await page.hover('h1');
  console.log('the plots move');
}

// hides: a page that nobody sees asks for nothing, and goes on where it was.
async function hides({page, asked, until}) {
  const hide = hidden => page.evaluate(h => {
    Object.defineProperty(document, 'hidden', {configurable: true, get: () => h});
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
  await hide(true);
  await page.waitForSelector('#live[data-state=paused]');
  const before = asked.length;
  await page.waitForTimeout(2500);
  assert.equal(asked.length, before, 'a hidden page polls');
  await hide(false);
  await page.waitForSelector('#live[data-state=live]');
  assert.match(asked[before].url, /cursor=/);
  console.log('a hidden page does not poll');
}

// shapes: dark, and narrow without anything beyond the edge.
async function shapes({open, picture, page}) {
  await page.emulateMedia({colorScheme: 'dark'});
  await page.locator('#channels tbody tr', {hasText: 'room:42'}).click();
  await page.waitForTimeout(300);
  await picture(page, 'dark');
  const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.emulateMedia({colorScheme: 'light'});
  assert.notEqual(dark, await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
  for (const width of [320, 390, 768]) {
    await page.setViewportSize({width, height: 800});
    await page.waitForTimeout(300);
    const beyond = await page.evaluate(() => [...document.querySelectorAll('body *')].filter(e =>
      e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('pre, svg, .list, [hidden]')).map(e => e.outerHTML.slice(0, 200)));
    assert.deepEqual(beyond, [], `beyond the edge of ${width} px`);
    await picture(page, `narrow${width}`);
  }
  await page.setViewportSize({width: 1280, height: 900});
  console.log('it is dark where people like that, and fits on a phone');
}

// foreign: a page of another origin can neither publish, nor show this one in a frame.
async function foreign({open, page}) {
  const stranger = await open(other), said = [];
  stranger.on('console', m => said.push(m.text()));
  await stranger.evaluate(async url => {
    for (const mode of ['no-cors', 'cors']) await fetch(`${url}channels/evil`, {method: 'POST', body: 'x', mode}).catch(() => {});
    const frame = document.createElement('iframe');
    frame.src = url;
    document.body.append(frame);
    await new Promise(done => { frame.onload = done; setTimeout(done, 2000); });
  }, url);
  const own = await page.evaluate(async () => (await fetch('channels/evil')).status);
  assert.equal(own, 404, 'another page has published');
  for (const frame of stranger.frames().slice(1)) assert.equal(await frame.locator('#channels').count(), 0, 'the page is in a frame');
  assert.ok(said.some(text => /frame-ancestors 'none'/.test(text)), `the browser says nothing of the frame: ${said}`);
  await stranger.close();
  console.log('a page of another origin gets nothing done');
}

// readOnly: what changes something is neither shown nor taken.
async function readOnly({page, order, picture}) {
  await order('read only');
  await page.waitForSelector('#readonly:not([hidden])');
  assert.equal(await page.isVisible('#publish'), false);
  assert.equal(await page.isVisible('#forget'), false);
  const status = method => page.evaluate(async m => (await fetch('channels/room:42', {method: m, body: m === 'POST' ? 'x' : undefined})).status, method);
  assert.deepEqual([await status('POST'), await status('DELETE'), await status('GET')], [403, 403, 200]);
  await picture(page, 'readonly');
  console.log('read only, it changes nothing');
}

// restarts: the page finds the next process, whose figures begin anew.
async function restarts({page, order, is}) {
  await order('restart');
  await page.waitForSelector('#live[data-state=live]', {timeout: 20_000});
  await is(page, '#parked .now b', '20');
  assert.equal(await page.isVisible('#readonly'), false);
  assert.equal(await page.isVisible('#publish'), true);
  console.log('it finds the process that was started anew');
}

// logsIn: with a token nothing is shown without it.
async function logsIn({page, open, order, text, is, picture, asked}) {
  await order('token');
  await page.waitForSelector('#login:not([hidden])');
  assert.equal(await page.isVisible('#main'), false);
  assert.equal(await text(page, '#loginerror'), '');
  await page.fill('#token', 'a-wrong-one');
  await page.click('#login button');
  await is(page, '#loginerror', 'This token is not the right one, or has expired.');
  await page.fill('#token', 'é');
  await page.click('#login button');
  await is(page, '#loginerror', 'This token is not the right one: it has characters that no token has.');
  await picture(page, 'login');
  await page.fill('#token', secret);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#live[data-state=live]');
  await is(page, '#parked .now b', '20');
  assert.equal(asked.at(-1).headers.authorization, `Bearer ${secret}`);
  assert.ok(!asked.at(-1).url.includes(secret));
  assert.equal(await page.evaluate(() => document.cookie + JSON.stringify(localStorage)), '{}');
  await page.fill('#to', 'room:42');
  await page.fill('#body', 'with a token');
  await page.click('#publish [type=submit]');
  await page.waitForFunction(() => document.querySelector('#published').textContent.startsWith('Published.'));
  await page.reload();
  await page.waitForSelector('#live[data-state=live]'); // the tab still has it
  const second = await open();
  await second.waitForSelector('#login:not([hidden])'); // others do not
  await second.close();
  await page.click('#logout');
  await page.waitForSelector('#login:not([hidden])');
  assert.equal(await page.isVisible('#main'), false);
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  assert.equal(await page.title(), 'cometproxy');
  await page.waitForTimeout(1500);
  assert.equal(await page.isVisible('#login'), true);
  console.log('it wants the token, and forgets it');
}
