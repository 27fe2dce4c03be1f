const base = process.env.COMETPROXY ?? 'http://127.0.0.1:5561';  // its internal listener

export async function publish(channel, message) {  // after the commit
  try {
    const answer = await fetch(`${base}/channels/${encodeURIComponent(channel)}`, {
      method: 'POST', headers: {'Content-Type': 'application/json'},
      body: JSON.stringify(message), signal: AbortSignal.timeout(2000),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${answer.status} ${text}`);
  } catch (error) {  // what is committed stays committed; pages see it when they refetch
    console.error(`publish to ${channel} failed:`, error);
  }
}
