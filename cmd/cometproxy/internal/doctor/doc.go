// Package doctor finds out what stands between clients and a running cometproxy: it
// asks through the public URL, and tells whether holds are cut, answers buffered,
// compressed or cached, and what to set where.
//
// What is measured is one value, [Evidence], made by [Examine], which alone touches
// the network. [Judge] makes a [Report] of it and is pure, so that every finding can
// be tested without the proxy that causes it.
package doctor
