// Package pushpin has no code of its own. Its test runs the built cometproxy and
// Debian's Pushpin in front of the same scripted app, has the same clients and
// publishers do the same things to both, and compares every answer byte for
// byte. What differs on purpose stands in one table, with its reason, in
// compare_test.go: equal, or in the table.
//
// Without the packages pushpin and zurl the test is skipped with a message that
// says what to install; with COMETPROXY_NO_SKIP=1, as in continuous integration,
// that is a failure. With -show it prints what both did.
package pushpin
