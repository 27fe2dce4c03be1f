// url      where the app answers polls, which the proxy then holds
// refetch  brings the page up to date from the app, as on a first visit, and resolves to the
//          response that it did so with, whose Comet-Cursor says where the polls begin
// message  called with each answer that tells something; what came by refetch can come again
export async function follow(url, {refetch, message}) {
  for (let cursor, failures = 0; ;) {
    let response, pause = 0;
    try {
      if (!cursor) response = await refetch();
      else response = await fetch(url, {headers: {'Comet-Cursor': cursor}, cache: 'no-store', signal: AbortSignal.timeout(90_000)});  // above any hold
      const next = response.headers.get('Comet-Cursor');
      if (!response.ok || !next) throw new Error(`status ${response.status}`);
      if (response.headers.has('Comet-Gap')) cursor = undefined;  // something may be missing: begin anew
      else {
        if (cursor && response.status !== 204) await message(response);
        cursor = next;  // only now: whatever failed above is asked for again
      }
      failures = 0;
    } catch (error) {  // no network, 429, 502, 503, ...: 1 s, doubled up to 30 s, with jitter
      pause = Math.min(30, 2 ** failures++) * (0.5 + Math.random() / 2);
    }
    pause = Math.max(pause, Number(response?.headers.get('Retry-After')) || 0);
    if (pause) await new Promise(done => setTimeout(done, pause * 1000));
  }
}
