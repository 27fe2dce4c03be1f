// Package crowd is many clients of one long-poll server, and its publishers, in
// one thread on one epoll loop. Every answer is parsed, every message in it
// compared with what was published; what is lost, doubled or wrong is counted.
//
// A Target says how to speak to the server. The measurements, which use a Crowd,
// decide when to poll and to publish.
package crowd
