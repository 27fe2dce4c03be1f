// Package pushpin has no code of its own. Its test runs the built cometproxy and
// Debian's Pushpin in front of the same scripted app, has the same clients and
// publishers do the same things to both, and compares every answer, byte for
// byte. What differs on purpose stands in one table, with its reason, in
// differences_test.go, and in docs/grip.md: equal, or in the table.
//
//	go test ./test/pushpin                     all scenarios, in about 15 seconds
//	go test ./test/pushpin -v -args -show      and what both sides did
//	go test ./test/pushpin -v -args -alone     what Pushpin does: for writing scenarios
//
// Header lines are compared without their order. Pushpin's second request for each
// hold reaches the app, so only the first is compared. Streams are not here: they
// are not at cometproxy yet.
//
// Without the packages pushpin and zurl the test is skipped with a message that
// says what to install; with COMETPROXY_NO_SKIP=1, as in continuous integration,
// that is a failure.
package pushpin
