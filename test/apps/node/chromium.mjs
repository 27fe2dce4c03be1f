// What the programs that drive Chromium share.
import {createInterface} from 'node:readline';
import {chromium} from 'playwright-core';

// browse runs drive with a browser, and with the lines that the test writes.
export async function browse(executablePath, drive) {
  const lines = createInterface({input: process.stdin});
  const browser = await chromium.launch({executablePath, headless: true, args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--no-proxy-server',
    '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1', // this machine and nothing else
  ]});
  try {
    await drive(browser, lines);
  } finally {
    await browser.close();
    lines.close();
  }
}

// watch counts a page's refetches, and collects what goes wrong in it.
export function watch(page, name, complaints) {
  page.refetches = 0;
  page.on('request', r => { if (r.method() === 'GET' && r.url().endsWith('/statuses')) page.refetches++; });
  page.on('pageerror', error => complaints.push(`${name}: ${error}`));
  page.on('console', m => { if (/Content.Security.Policy/i.test(m.text())) complaints.push(`${name}: ${m.text()}`); });
}

// waiting waits until a page says that it is live.
export const waiting = page => page.waitForSelector('#live[data-state=waiting]', {timeout: 20_000});

// post posts a status by the page's form.
export async function post(page, text) {
  await page.fill('#post [name=text]', text);
  await page.click('#post button:not([form])');
}

// seen waits until the newest status of a window is that of who with that text,
// and returns how long that took.
export async function seen(page, who, text, timeout = 20_000) {
  const began = Date.now();
  await page.waitForFunction(([who, text]) => {
    const first = document.querySelector('#wall > li[data-id]');
    return first?.querySelector('.by b').textContent === who && first.querySelector('.text').textContent === text;
  }, [who, text], {timeout, polling: 10});
  return Date.now() - began;
}

// sideBySide saves pictures of windows as one, as on a desk.
export async function sideBySide(context, windows, path) {
  const shots = await Promise.all(windows.map(page => page.screenshot()));
  const both = await context.newPage();
  await both.setViewportSize({width: 660 * windows.length - 20, height: 740});
  await both.setContent(`<body style="margin:8px;display:flex;gap:12px;background:#888">${
    shots.map(s => `<img src="data:image/png;base64,${s.toString('base64')}">`).join('')}`);
  await both.screenshot({path});
  await both.close();
}
