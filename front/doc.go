// Package front is what stands between clients' connections and the proxy: TLS,
// and the PROXY protocol of load balancers. Both are listeners over listeners, in
// this order:
//
//	TCP -> AnnouncedListener (PROXY protocol) -> Certificates.Listener (TLS) -> the lot
//
// Invariants:
//
//   - A header of the PROXY protocol is read from the addresses named and from
//     nobody else, before anything else, and without keeping other connections.
//   - What is read behind a header is the beginning of the connection: it goes to
//     TLS, or with the bare connection to the lot (park.Announced).
//   - New certificates are used all together, and only if each fits its key.
package front
