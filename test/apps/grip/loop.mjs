// Runs the poll loop of docs/grip.md, as a page would, and prints what it learns:
// "state N" for a fetch of everything, and each message.
import {follow} from '../snippets/grip-follow.mjs';

const site = process.env.SITE;
follow(`${site}/news`, {
  refetch: async () => {
    const response = await fetch(`${site}/state`, {cache: 'no-store'});
    console.log(`state ${await response.text()}`);
    return response;
  },
  message: async response => console.log(await response.text()),
});
