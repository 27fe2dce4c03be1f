// Package grip is the grammar of GRIP, the protocol by which an app tells a
// proxy to hold a client's request and by which messages for it are published:
// bytes in, values out.
//
//   - [Parse] reads what an app's response instructs the proxy to do: its Grip-*
//     header lines, or a body of application/grip-instruct.
//   - [ParseItem] reads one item of what is posted to /publish/.
//   - [Signer] makes the value of Grip-Sig, by which an app knows its proxy.
//   - [Reserved] says which header lines belong to the proxy and never pass it.
//
// # Levels
//
// GRIP is done in levels. The first is the long poll: channels, timeout, status,
// exposed headers, the instruct body, and items with the actions send and hint, nested and
// flat. What the second needs is read already and handed out: meta, filters,
// body-patch and content-filters. Grip-Link is checked and handed out, and http-stream and
// ws-message are checked, so that an app's mistakes show today; acting on them
// is for later levels.
//
// # What is not here
//
// Nothing here does anything: which channel names are fit, which requests are held,
// how long at most and who is answered is decided in package proxy. There is no
// HTTP, no clock, no file and no log. Sessions (Grip-Session-Id,
// Grip-Session-Detect) and keep-alive, in either form, are not read.
//
// # Source
//
// The public specification is thin and its implementations are the contract. What is
// accepted here, and the texts of [ParseItem]'s errors, are those of Pushpin
// 1.36, with these differences:
//
//   - What desynchronises a client is refused: a status below 200 as the answer,
//     line breaks in a reason or a header, header names that are no tokens.
//   - Base64 that is none is refused, where Pushpin skips what it does not know
//     and delivers the rest.
//   - Numbers in an instruct body must be numbers. In items they may be strings.
//   - More than [MaxFilters] filters are refused wherever they stand.
//   - An unknown action is called that, where Pushpin gives no reason; refresh is
//     known, as in later versions.
//   - Commas and semicolons within the <> of a Grip-Link do not split it.
package grip
