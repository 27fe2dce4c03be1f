// node browser.mjs CHROMIUM URL [SCREENSHOT]: drives the demo's page in Chromium.
// It prints "restart" when the demo shall be ended and started anew, and goes on
// when it reads a line. Whatever is not as it should be throws.
import assert from 'node:assert/strict';
import {once} from 'node:events';
import {browse, post, seen, sideBySide, waiting, watch} from './chromium.mjs';

const [executablePath, url, screenshot] = process.argv.slice(2);
await browse(executablePath, drive);

async function drive(browser, lines) {
  const context = await browser.newContext({colorScheme: 'light', viewport: {width: 640, height: 720}});
  const plain = await browser.newContext({javaScriptEnabled: false});
  const complaints = [];
  const windows = await Promise.all(['ann', 'bob'].map(async name => {
    const page = await context.newPage();
    watch(page, name, complaints);
    await page.goto(url);
    await page.fill('#post [name=name]', name);
    return page;
  }));
  const [ann, bob] = windows;
  await Promise.all(windows.map(waiting));
  const count = page => page.locator('#wall > li[data-id]').count();

  // One posts, the other sees it; each status once, in both.
  let slowest = 0;
  for (let i = 0; i < 5; i++) {
    const [page, who, other] = i % 2 ? [bob, 'bob', ann] : [ann, 'ann', bob];
    const text = `status ${i}: <b>&amp; é 😀`;
    await post(page, text);
    slowest = Math.max(slowest, await seen(other, who, text));
    await seen(page, who, text);
  }
  assert.deepEqual(await Promise.all(windows.map(count)), [5, 5]);
  console.log(`two windows see 5 statuses of each other, the slowest after ${slowest} ms`);

  if (screenshot) await sideBySide(context, windows, screenshot);

  // Without JavaScript a form is a form; windows with it see the status at once.
  const old = await plain.newPage();
  await old.goto(url);
  assert.equal(await count(old), 5);
  await old.fill('#post [name=name]', 'eve');
  await old.fill('#post [name=text]', 'no script here');
  await old.click('#post button');
  await old.waitForURL(url);
  assert.equal(await old.locator('#wall > li .text').first().textContent(), 'no script here');
  await Promise.all(windows.map(page => seen(page, 'eve', 'no script here')));
  assert.equal(await old.locator('#live').isVisible(), false);
  console.log('a page without JavaScript posts');

  // The proxy is away and comes back. Meanwhile the windows are cut off, so that
  // what is posted first they can only learn by refetching.
  const before = windows.map(page => page.refetches);
  await context.setOffline(true);
  console.log('restart');
  await once(lines, 'line');
  await old.goto(url);
  await old.fill('#post [name=name]', 'eve');
  await old.fill('#post [name=text]', 'you missed this');
  await old.click('#post button');
  await old.waitForURL(url);
  await Promise.all(windows.map(page => page.waitForSelector('#live[data-state=reconnecting]')));
  await context.setOffline(false);
  await Promise.all(windows.map(page => seen(page, 'eve', 'you missed this', 30_000)));
  await Promise.all(windows.map(waiting));
  windows.forEach((page, i) => assert.ok(page.refetches > before[i], 'the window did not refetch'));
  const again = windows.map(page => page.refetches);
  await post(ann, 'on we go');
  await Promise.all(windows.map(page => seen(page, 'ann', 'on we go')));
  assert.equal(bob.refetches, again[1], 'the last status came by a refetch, not by the poll');
  console.log('after a restart the windows refetch and go on');
  assert.deepEqual(complaints, []);
}
