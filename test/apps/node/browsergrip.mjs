// node browsergrip.mjs CHROMIUM URL [SCREENSHOT]: drives the page of "demo -grip"
// in Chromium, as several people. It prints "restart" when the demo shall be ended
// and started anew, and goes on when it reads a line. Whatever is not as it should
// be throws.
import assert from 'node:assert/strict';
import {once} from 'node:events';
import {browse, post, seen, sideBySide, waiting, watch} from './chromium.mjs';

const [executablePath, url, screenshot] = process.argv.slice(2);
await browse(executablePath, drive);

async function drive(browser, lines) {
  const complaints = [];
  const texts = page => page.locator('#wall > li .text').allTextContents();
  const choice = (page, name) => page.locator('#to label', {hasText: name});
  const signIn = async (page, name) => {
    await page.goto(url);
    await page.fill('.signin [name=name]', name);
    await page.click('.signin button');
  };
  const strangers = page => page.waitForSelector('.signin', {timeout: 20_000});

  // A stranger gets nothing, and no poll of his is held.
  const stranger = await browser.newContext();
  for (const path of ['updates', 'statuses']) {
    const began = Date.now(), answer = await stranger.request.get(url + path);
    assert.equal(answer.status(), 401);
    assert.ok(Date.now() - began < 5000, `a stranger's /${path} was held`);
  }

  // Three people, each in a browser of their own, the first ones without reload
  // learn who comes.
  const windows = [];
  for (const name of ['Ann', 'Bob', 'Cy']) {
    const context = await browser.newContext({colorScheme: 'light', viewport: {width: 640, height: 720}});
    const page = await context.newPage();
    watch(page, name, complaints);
    await signIn(page, name);
    await waiting(page);
    windows.push(page);
  }
  const [ann, bob, cy] = windows;
  for (const name of ['Bob', 'Cy']) await choice(ann, name).waitFor({timeout: 20_000});
  const fetched = windows.map(page => page.refetches);

  // To everybody, and to one.
  await post(ann, 'hello everybody');
  await Promise.all(windows.map(page => seen(page, 'Ann', 'hello everybody')));
  await choice(ann, 'Bob').click();
  await post(ann, 'Bob only: <i>&amp; 😀');
  const took = await seen(bob, 'Ann', 'Bob only: <i>&amp; 😀');
  await seen(ann, 'Ann', 'Bob only: <i>&amp; 😀');
  assert.equal(await bob.locator('#wall > li:first-child .only').textContent(), 'to Bob');
  await choice(ann, 'Everybody').click();
  await post(ann, 'and everybody again');
  await Promise.all(windows.map(page => seen(page, 'Ann', 'and everybody again')));
  // What Cy sees is complete now: his poll has brought what came later.
  assert.deepEqual(await texts(cy), ['and everybody again', 'hello everybody']);
  assert.deepEqual(await texts(bob), ['and everybody again', 'Bob only: <i>&amp; 😀', 'hello everybody']);
  console.log(`Bob sees what is for him after ${took} ms, Cy never`);

  if (screenshot) {
    await choice(bob, 'Ann').click();
    await sideBySide(bob.context(), windows, screenshot);
    await choice(bob, 'Everybody').click();
  }

  // Many at once, some for all, some for few: each sees theirs, once, in order.
  const mine = {Ann: [], Bob: [], Cy: []};
  const ids = Object.fromEntries(await ann.locator('#to label').evaluateAll(
    labels => labels.map(l => [l.textContent, l.firstElementChild.value])));
  for (let i = 0; i < 30; i++) {
    const to = i % 3 === 0 ? 'Everybody' : i % 3 === 1 ? 'Bob' : 'Cy', text = `burst ${i}`;
    const answer = await ann.context().request.post(url + 'statuses', {data: {text, to: [ids[to]]}});
    assert.equal(answer.status(), 201);
    for (const name in mine) if (to === 'Everybody' || name === to || name === 'Ann') mine[name].unshift(text);
  }
  for (const [i, name] of ['Ann', 'Bob', 'Cy'].entries()) {
    await seen(windows[i], 'Ann', mine[name][0]);
    assert.deepEqual((await texts(windows[i])).slice(0, mine[name].length), mine[name], `what ${name} sees`);
  }
  assert.deepEqual(windows.map(page => page.refetches), fetched, 'something came by a refetch, not by a poll');
  await cy.reload();
  assert.deepEqual(await texts(cy), [...mine.Cy, 'and everybody again', 'hello everybody']);
  await waiting(cy);
  console.log('30 statuses in a row, for all and for few: each sees theirs, in order');

  // Without JavaScript forms are forms.
  const plain = await (await browser.newContext({javaScriptEnabled: false})).newPage();
  await signIn(plain, 'Eve');
  await plain.uncheck('#to [value=everybody]', {force: true});
  await plain.fill('#post [name=text]', 'for whom?');
  await plain.click('#post button:not([form])');
  assert.match(await plain.locator('#error').textContent(), /choose for whom/);
  await choice(plain, 'Cy').click();
  await plain.click('#post button:not([form])');
  await plain.waitForURL(url);
  await seen(cy, 'Eve', 'for whom?');
  console.log('a page without JavaScript signs in and posts to one');

  // Bob signs out in one window: his other one knows at once, and what Ann writes
  // to him does not become something for everybody.
  const second = await bob.context().newPage();
  await second.goto(url);
  await waiting(second);
  await choice(ann, 'Bob').click();
  await bob.click('button[form=signout]');
  await Promise.all([strangers(bob), second.waitForSelector('.signin', {timeout: 20_000})]);
  await ann.waitForSelector('#to .gone', {timeout: 20_000});
  await post(ann, 'are you there?');
  await ann.waitForFunction(() => /signed out/.test(document.getElementById('error').textContent));
  assert.equal(await ann.inputValue('#post [name=text]'), 'are you there?');
  await choice(ann, 'Everybody').click();
  assert.equal(await choice(ann, 'Bob').locator('input').isChecked(), false);
  assert.ok(!(await texts(cy)).includes('are you there?'));
  console.log('who signs out is out in all windows, and nobody gets what was for him');

  // A restart forgets everybody: the windows ask who they are, and go on.
  console.log('restart');
  await once(lines, 'line');
  await Promise.all([ann, cy].map(strangers));
  await signIn(ann, 'Ann');
  await signIn(cy, 'Cy');
  await Promise.all([ann, cy].map(waiting));
  await choice(ann, 'Cy').click();
  await post(ann, 'on we go');
  await seen(cy, 'Ann', 'on we go');
  console.log('after a restart people sign in again');
  assert.deepEqual(complaints, []);
}
