// Package servers starts what is measured: cometproxy, its peers as their
// experts would configure them, and the floor, which is the least that a server
// has to do. It reads what their processes use.
package servers
