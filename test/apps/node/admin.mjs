// node admin.mjs CHROMIUM URL FILE [SCREENSHOT]: uses Django's admin as a person
// does: logs in, adds a paper, gives it a large file, finds it, logs out. Whatever
// is not as it should be throws.
import assert from 'node:assert/strict';
import {createHash} from 'node:crypto';
import {readFileSync} from 'node:fs';
import {browse} from './chromium.mjs';

const [executablePath, url, file, screenshot] = process.argv.slice(2);
await browse(executablePath, drive);

async function drive(browser) {
  const page = await browser.newPage();
  const complaints = [];
  page.on('pageerror', error => complaints.push(String(error)));
  page.on('response', r => { if (r.status() >= 400) complaints.push(`${r.status()} ${r.url()}`); });
  page.setDefaultTimeout(60_000);

  await page.goto(url);
  assert.match(page.url(), /\/admin\/login\//);
  await page.fill('#id_username', 'ann');
  await page.fill('#id_password', 'wrong');
  await page.click('[type=submit]');
  await page.waitForSelector('.errornote');
  await page.fill('#id_username', 'ann');
  await page.fill('#id_password', 'secret');
  await page.click('[type=submit]');
  await page.waitForSelector('#user-tools');
  console.log('logged in');

  await page.goto(url + 'papers/paper/add/');
  await page.fill('#id_title', 'a large one: é <b>');
  await page.setInputFiles('#id_file', file);
  await page.click('[name=_save]');
  await page.waitForSelector('.messagelist .success');
  const content = readFileSync(file);
  await page.fill('#searchbar', 'a large one');
  await page.click('#changelist-search [type=submit]');
  await page.waitForSelector('#result_list tbody tr');
  const row = await page.locator('#result_list tbody tr').allInnerTexts();
  assert.equal(row.length, 1);
  assert.ok(row[0].includes('a large one: é <b>'), row[0]);
  assert.ok(row[0].includes(String(content.length)), row[0]);
  assert.ok(row[0].includes(createHash('sha256').update(content).digest('hex')), row[0]);
  console.log(`added a paper with a file of ${content.length} bytes`);
  if (screenshot) await page.screenshot({path: screenshot});

  await page.click('#result_list tbody tr th a');
  await page.fill('#id_title', 'renamed');
  await page.click('[name=_continue]');
  await page.waitForSelector('.messagelist .success');
  assert.equal(await page.inputValue('#id_title'), 'renamed');
  await page.click('#user-tools [href$="/logout/"], #logout-form button');
  await page.waitForLoadState();
  await page.goto(url);
  assert.match(page.url(), /\/admin\/login\//);
  assert.deepEqual(complaints, []);
  console.log('renamed it and logged out');
}
