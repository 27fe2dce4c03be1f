// Package apps has no code of its own. Its tests run the built cometproxy in
// front of real web apps (Django under gunicorn, Express, PHP, Ruby under Puma)
// and a real browser, and compare what clients see with what they see without
// the proxy.
//
// Whatever is missing on a machine is skipped with a message that says what to
// install; install.sh installs all of it on Debian. With COMETPROXY_NO_SKIP=1,
// as in continuous integration, a missing program is a failure.
//
// The folder snippets holds the publish functions and the small GRIP apps that the
// README shows. The tests run these very files.
package apps
